/* `pair_filter`: which sums of two moves of a state stay below its t on all of K rows.
 *
 * Compiled after elements.h with REAL and BOUNDED. Grid: tiles of moves, and states. A block of
 * 32 x 8 threads holds slabs of 64 rows of 32 moves of either side of the pair in shared memory; a
 * warp has one move on the left and 32 on the right, and leaves a slab as soon as none of its pairs
 * is alive.
 */

#define TILE 32
#define SLAB 64
#define WARPS 8
#ifndef NONE_IN_WARP
#define NONE_IN_WARP(alive) (!__any_sync(0xffffffffu, alive))
#endif

extern "C" __global__ void __launch_bounds__(TILE * WARPS) pair_filter(
    const REAL *RK, const REAL *DK, const REAL *hi, const REAL *lo, const REAL *t, int n, int K,
    int apart, unsigned long long capacity, unsigned long long *count, long long *code, REAL *bound)
{
    __shared__ REAL xs[SLAB][TILE + 1], ys[SLAB][TILE + 1];
#if BOUNDED
    __shared__ REAL above[SLAB], below[SLAB];
#endif
    const int i0 = blockIdx.y * TILE, j0 = blockIdx.x * TILE;
    const int lane = threadIdx.x, warp = threadIdx.y, thread = warp * TILE + lane;
    if (j0 + TILE - 1 <= i0)
        return;
    const long long state = blockIdx.z;
    RK += state * K;
    DK += state * n * K;
    const REAL limit = t[state];
    const int j = j0 + lane;
    bool alive[TILE / WARPS];
    REAL largest[TILE / WARPS];
#pragma unroll
    for (int s = 0; s < TILE / WARPS; ++s) {
        const int i = i0 + warp + s * WARPS;
        alive[s] = j < n && j > i && j - i != apart;
        largest[s] = -infinite();
    }
    for (int k0 = 0; k0 < K; k0 += SLAB) {
        const int rows = K - k0 < SLAB ? K - k0 : SLAB;
        for (int e = thread; e < SLAB * TILE; e += TILE * WARPS) {
            const int k = e % SLAB, move = e / SLAB; /* neighbours in memory to neighbours */
            if (k < rows) {
                if (i0 + move < n)
                    xs[k][move] = DK[(long long)(i0 + move) * K + k0 + k] + RK[k0 + k];
                if (j0 + move < n)
                    ys[k][move] = DK[(long long)(j0 + move) * K + k0 + k];
            }
        }
#if BOUNDED
        for (int k = thread; k < rows; k += TILE * WARPS) {
            above[k] = hi[state * K + k0 + k];
            below[k] = lo[state * K + k0 + k];
        }
#endif
        __syncthreads();
#pragma unroll
        for (int s = 0; s < TILE / WARPS; ++s) {
            for (int k = 0; k < rows; ++k) {
                if (NONE_IN_WARP(alive[s]))
                    break;
                if (alive[s]) {
                    const REAL r = xs[k][warp + s * WARPS] + ys[k][lane];
#if BOUNDED
                    const REAL v = violation(r, above[k], below[k]);
#else
                    const REAL v = larger(r, -r);
#endif
                    alive[s] = v < limit && r - r == 0; /* not finite: a move that does not exist */
                    largest[s] = larger(largest[s], v);
                }
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int s = 0; s < TILE / WARPS; ++s) {
        if (alive[s]) {
            const unsigned long long place = atomicAdd(count, 1ULL);
            if (place < capacity) {
                code[place] = (state * n + i0 + warp + s * WARPS) * n + j;
                bound[place] = largest[s];
            }
        }
    }
}
