/* Enough of CUDA to run a kernel on the host: one block after the other, the threads of a block as
 * fibers that take turns at __syncthreads. Goes before the kernel's source; the launcher after it. */
#include <cstring>
#include <memory>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static __attribute__((section("shared_memory")))
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(threads)
#define NONE_IN_WARP(alive) (!(alive))

struct Index { unsigned x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;

static const size_t STACK = 64 * 1024;

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    Index index;
    bool done;
};
static ucontext_t scheduler;
static std::vector<Fiber> fibers;
static Fiber *current;
static void (*body)(void **);
static void **arguments;

static void __syncthreads() { swapcontext(&current->context, &scheduler); }
static void __threadfence() {}

template <class T> T atomicAdd(T *address, T value)
{
    T old = *address;
    *address += value;
    return old;
}

static unsigned atomicInc(unsigned *address, unsigned limit)
{
    unsigned old = *address;
    *address = old >= limit ? 0 : old + 1;
    return old;
}

static void start()
{
    body(arguments);
    current->done = true;
}

extern char __start_shared_memory[] __attribute__((weak)), __stop_shared_memory[] __attribute__((weak));

static void run_block()
{
    /* NaN: what a block reads it has to have written */
    if (__start_shared_memory)
        std::memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
    for (Fiber &fiber : fibers) {
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = &scheduler;
        fiber.done = false;
        makecontext(&fiber.context, start, 0);
    }
    /* now the first thread first, now the last: what needs a barrier and has none shows */
    bool waiting = true;
    for (unsigned turn = blockIdx.x; waiting; ++turn) {
        waiting = false;
        for (size_t i = 0; i < fibers.size(); ++i) {
            Fiber &fiber = fibers[turn % 2 ? fibers.size() - 1 - i : i];
            if (fiber.done)
                continue;
            current = &fiber;
            threadIdx = fiber.index;
            swapcontext(&scheduler, &fiber.context);
            waiting = waiting || !fiber.done;
        }
    }
}

static void run_grid(Index grid, Index block, void (*kernel)(void **), void **args)
{
    body = kernel;
    arguments = args;
    gridDim = grid;
    blockDim = block;
    fibers.resize(block.x * block.y);
    for (unsigned i = 0; i < fibers.size(); ++i) {
        fibers[i].index = Index{i % block.x, i / block.x, 0};
        if (!fibers[i].stack)
            fibers[i].stack.reset(new char[STACK]);
    }
    for (unsigned z = 0; z < grid.z; ++z)
        for (unsigned y = 0; y < grid.y; ++y)
            for (unsigned x = 0; x < grid.x; ++x) {
                blockIdx = Index{x, y, z};
                run_block();
            }
}

template <class... A, size_t... I>
void unpack(void (*kernel)(A...), void **args, std::index_sequence<I...>)
{
    kernel(*static_cast<A *>(args[I])...);
}

template <class... A> void call(void (*kernel)(A...), void **args)
{
    unpack(kernel, args, std::index_sequence_for<A...>());
}

template <class... A> int sizes(void (*)(A...), int *out)
{
    int found[] = {int(sizeof(A))...};
    std::memcpy(out, found, sizeof(found));
    return sizeof...(A);
}

#define LAUNCHER(kernel) \
    static void kernel##_of(void **args) { call(kernel, args); } \
    extern "C" int argument_sizes(int *out) { return sizes(kernel, out); } \
    extern "C" void launch(const unsigned *sizes, void **args) \
    { \
        run_grid(Index{sizes[0], sizes[1], sizes[2]}, Index{sizes[3], sizes[4], 1}, kernel##_of, \
                 args); \
    }
