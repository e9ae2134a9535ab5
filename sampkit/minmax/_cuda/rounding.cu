/* Between float32 and bfloat16, which CuPy knows as 16-bit integers; compiled after elements.h. */

extern "C" __global__ void round_bfloat16(const float *x, unsigned short *y, long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x)
        y[i] = to_bfloat16(x[i]);
}

extern "C" __global__ void square_bfloat16(const unsigned short *x, unsigned short *y, long long n)
{
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;
         i += (long long)gridDim.x * blockDim.x) {
        const float value = from_bfloat16(x[i]);
        y[i] = to_bfloat16(value * value);
    }
}
