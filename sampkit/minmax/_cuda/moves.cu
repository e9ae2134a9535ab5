/* `powers`, `try_move` and `try_pairs`: one pass over the residuals of a batch of states.
 *
 * Compiled after elements.h with REAL (float or double), VEC (numbers a thread loads at once: 4, or
 * 1 where m is no multiple of 4), SCREEN16 (powers are kept as bfloat16), BOUNDED (rows have
 * bounds) and THREADS (a power of two).
 *
 * Grid: states * chunks blocks of one dimension, the chunks of a state next to each other (of a
 * pair, in `try_pairs`). Partial sums are added up in a fixed order by whichever block of a state
 * arrives last, so that equal input gives equal output; `arrived` is zero before and after.
 */

#if VEC == 1
struct Reals { REAL v[1]; };
struct Halves { unsigned short v[1]; };
#else
struct __align__(16) Reals { REAL v[VEC]; };
struct __align__(8) Halves { unsigned short v[VEC]; };
#endif

#if SCREEN16
typedef unsigned short Power;
typedef Halves Powers;
__device__ inline Power keep(REAL x) { return to_bfloat16((float)x); }
#else
typedef REAL Power;
typedef Reals Powers;
__device__ inline Power keep(REAL x) { return x; }
#endif

struct Totals {
    double sum[THREADS];
    REAL largest[THREADS];
    bool last; /* whether this block is the last one of its state */
};

__device__ inline void add_up(Totals &totals, double sum, REAL largest)
{
    const int thread = threadIdx.x;
    totals.sum[thread] = sum;
    totals.largest[thread] = largest;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (thread < half) {
            totals.sum[thread] += totals.sum[thread + half];
            totals.largest[thread] = larger(totals.largest[thread], totals.largest[thread + half]);
        }
        __syncthreads();
    }
}

template <bool TRY>
__device__ inline void pass(
    const REAL *current, REAL *other, const REAL *column, REAL delta, REAL invt, int p,
    const REAL *hi, const REAL *lo, long long start, long long stop,
    Power *z1, Power *w, double &sum, REAL &largest)
{
    for (long long k = start + threadIdx.x * VEC; k < stop; k += THREADS * VEC) {
        Reals r = *(const Reals *)(current + k);
        if (TRY) {
            const Reals a = *(const Reals *)(column + k);
#pragma unroll
            for (int i = 0; i < VEC; ++i)
                r.v[i] = a.v[i] * delta + r.v[i];
            *(Reals *)(other + k) = r;
        }
#if BOUNDED
        const Reals above = *(const Reals *)(hi + k), below = *(const Reals *)(lo + k);
#endif
        Powers first, second;
        REAL part = 0;
#pragma unroll
        for (int i = 0; i < VEC; ++i) {
#if BOUNDED
            largest = larger(largest, violation(r.v[i], above.v[i], below.v[i]));
            const REAL z = excess(r.v[i], above.v[i], below.v[i]) * invt;
#else
            largest = larger(largest, larger(r.v[i], -r.v[i]));
            const REAL z = r.v[i] * invt;
#endif
            const REAL even = even_power(z, p), odd = even * z;
            second.v[i] = keep(even);
            first.v[i] = keep(odd);
            part += odd * z;
        }
        *(Powers *)(z1 + k) = first;
        *(Powers *)(w + k) = second;
        sum += part;
    }
}

/* Totals of the block, then, by the last block of the state, of the state. */
__device__ inline void deliver(
    Totals &totals, double sum, REAL largest, int b, int chunk, int chunks,
    double *part_sum, REAL *part_largest, unsigned *arrived, REAL *phi, REAL *top)
{
    double *sums = part_sum + (long long)b * chunks;
    REAL *maxima = part_largest + (long long)b * chunks;
    add_up(totals, sum, largest);
    if (threadIdx.x == 0) {
        sums[chunk] = totals.sum[0];
        maxima[chunk] = totals.largest[0];
        __threadfence();
        totals.last = atomicInc(arrived + b, chunks - 1) == chunks - 1;
    }
    __syncthreads();
    if (!totals.last)
        return;
    __threadfence();
    sum = 0;
    largest = -infinite();
    for (int i = threadIdx.x; i < chunks; i += THREADS) {
        sum += ((volatile double *)sums)[i];
        largest = larger(largest, ((volatile REAL *)maxima)[i]);
    }
    add_up(totals, sum, largest);
    if (threadIdx.x == 0) {
        phi[b] = (REAL)totals.sum[0];
        top[b] = totals.largest[0];
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) powers(
    const REAL *R, const int *at, const REAL *invt, const unsigned char *todo,
    const REAL *hi, const REAL *lo, int p, int states, long long m, int chunks, long long step,
    Power *z1, Power *w, double *part_sum, REAL *part_largest, unsigned *arrived, REAL *phi,
    REAL *top)
{
    __shared__ Totals totals;
    const int b = blockIdx.x / chunks, chunk = blockIdx.x % chunks;
    if (todo && !todo[b])
        return;
    const REAL *current = R + ((long long)at[b] * states + b) * m;
    const long long start = chunk * step, stop = start + step < m ? start + step : m;
    double sum = 0;
    REAL largest = -infinite();
    pass<false>(
        current, 0, 0, 0, invt[b], p, hi, lo, start, stop, z1 + b * m, w + b * m, sum, largest);
    deliver(totals, sum, largest, b, chunk, chunks, part_sum, part_largest, arrived, phi, top);
}

extern "C" __global__ void __launch_bounds__(THREADS) try_move(
    REAL *R, const int *at, const REAL *AT, const int *j, const REAL *delta, const REAL *invt,
    const REAL *hi, const REAL *lo, int p, int states, long long m, int chunks, long long step,
    Power *z1, Power *w, double *part_sum, REAL *part_largest, unsigned *arrived, REAL *phi,
    REAL *top)
{
    __shared__ Totals totals;
    const int b = blockIdx.x / chunks, chunk = blockIdx.x % chunks;
    if (delta[b] == 0)
        return;
    const REAL *current = R + ((long long)at[b] * states + b) * m;
    REAL *other = R + ((long long)(1 - at[b]) * states + b) * m;
    const long long start = chunk * step, stop = start + step < m ? start + step : m;
    double sum = 0;
    REAL largest = -infinite();
    pass<true>(
        current, other, AT + j[b] * m, delta[b], invt[b], p, hi, lo, start, stop, z1 + b * m,
        w + b * m, sum, largest);
    deliver(totals, sum, largest, b, chunk, chunks, part_sum, part_largest, arrived, phi, top);
}

/* What the residuals of a state would be after two steps; nothing but the totals is written. */
extern "C" __global__ void __launch_bounds__(THREADS) try_pairs(
    const REAL *R, const REAL *AT, const int *state, const int *first, const int *second,
    const REAL *first_step, const REAL *second_step, const REAL *hi, const REAL *lo,
    long long m, int chunks, long long step, double *part_sum, REAL *part_largest,
    unsigned *arrived, REAL *squares, REAL *top)
{
    __shared__ Totals totals;
    const int c = blockIdx.x / chunks, chunk = blockIdx.x % chunks;
    if (state[c] < 0)
        return;
    const REAL *residual = R + state[c] * m, *one = AT + first[c] * m, *two = AT + second[c] * m;
    const REAL d = first_step[c], e = second_step[c];
    const long long start = chunk * step, stop = start + step < m ? start + step : m;
    double sum = 0;
    REAL largest = -infinite();
    for (long long k = start + threadIdx.x * VEC; k < stop; k += THREADS * VEC) {
        const Reals r = *(const Reals *)(residual + k);
        const Reals a = *(const Reals *)(one + k), b = *(const Reals *)(two + k);
#if BOUNDED
        const Reals above = *(const Reals *)(hi + k), below = *(const Reals *)(lo + k);
#endif
        REAL part = 0;
#pragma unroll
        for (int i = 0; i < VEC; ++i) {
            const REAL moved = (a.v[i] * d + b.v[i] * e) + r.v[i];
#if BOUNDED
            largest = larger(largest, violation(moved, above.v[i], below.v[i]));
#else
            largest = larger(largest, larger(moved, -moved));
#endif
            part += moved * moved;
        }
        sum += part;
    }
    deliver(totals, sum, largest, c, chunk, chunks, part_sum, part_largest, arrived, squares, top);
}
