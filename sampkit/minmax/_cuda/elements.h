/* What happens to one number. Plain C: a host compiler runs the very same lines. */

#ifndef REAL
#define REAL float
#endif
#ifdef __CUDACC__
#define ELEMENT __device__ inline
#else
#define ELEMENT static inline
#endif

ELEMENT REAL larger(REAL a, REAL b) { return a > b ? a : b; }

/* How far r is beyond its bounds; negative inside them. */
ELEMENT REAL violation(REAL r, REAL hi, REAL lo) { return larger(r - hi, -r - lo); }

/* The part of r beyond its bounds, with the sign of the side that is violated more. */
ELEMENT REAL excess(REAL r, REAL hi, REAL lo)
{
    const REAL above = r - hi, below = -r - lo;
    return above >= below ? larger(above, 0) : -larger(below, 0);
}

/* |z|^(p-2) = z^2 z^4 ... z^(p/2) for p a power of two. */
ELEMENT REAL even_power(REAL z, int p)
{
    REAL square = z * z, result = square;
    if (p == 2)
        return 1;
    for (int q = 4; q < p; q *= 2) {
        square *= square;
        result *= square;
    }
    return result;
}

/* The upper half of a float32, rounded to nearest, ties to even; not for NaN. */
ELEMENT unsigned short to_bfloat16(float x)
{
    union { float f; unsigned u; } bits;
    bits.f = x;
    return (unsigned short)((bits.u + 0x7fffu + ((bits.u >> 16) & 1u)) >> 16);
}

ELEMENT float from_bfloat16(unsigned short x)
{
    union { unsigned u; float f; } bits;
    bits.u = (unsigned)x << 16;
    return bits.f;
}

/* Without a header: NVRTC is given none. */
ELEMENT REAL infinite(void) { return (REAL)from_bfloat16(0x7f80); }
