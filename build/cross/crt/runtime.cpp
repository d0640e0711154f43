// The part of a Microsoft C++ runtime that .NET's static libraries for Windows need, apart from what ntdll.dll exports.
// Names and section order are those that compilers for Windows agree upon: see "CRT initialization", "Thread Local
// Storage (TLS)" of the PE format and "/GS" on learn.microsoft.com.
#include "crt.h"

typedef void (*Initializer)();
typedef int (*CheckedInitializer)();
typedef void (*TlsCallback)(void *module, u32 reason, void *reserved);

#pragma section(".CRT$XIA", long, read)
#pragma section(".CRT$XIZ", long, read)
#pragma section(".CRT$XCA", long, read)
#pragma section(".CRT$XCZ", long, read)
#pragma section(".CRT$XDA", long, read)
#pragma section(".CRT$XDZ", long, read)
#pragma section(".CRT$XLA", long, read)
#pragma section(".CRT$XLC", long, read)
#pragma section(".CRT$XLZ", long, read)
#pragma section(".rdata$T", long, read)

extern "C" {
// Tells that floating point is used; the value is Microsoft's.
int _fltused = 0x9875;

u64 __security_cookie = 0x2b992ddfa232;

// The linker sorts the pointers of all objects between these ends.
__declspec(allocate(".CRT$XIA")) CheckedInitializer __xi_a = nullptr;
__declspec(allocate(".CRT$XIZ")) CheckedInitializer __xi_z = nullptr;
__declspec(allocate(".CRT$XCA")) Initializer __xc_a = nullptr;
__declspec(allocate(".CRT$XCZ")) Initializer __xc_z = nullptr;
__declspec(allocate(".CRT$XDA")) Initializer __xd_a = nullptr;
__declspec(allocate(".CRT$XDZ")) Initializer __xd_z = nullptr;
__declspec(allocate(".CRT$XLA")) TlsCallback __xl_a = nullptr;
__declspec(allocate(".CRT$XLZ")) TlsCallback __xl_z = nullptr;

u32 _tls_index = 0;
#pragma data_seg(".tls")
char _tls_start = 0;
#pragma data_seg(".tls$ZZZ")
char _tls_end = 0;
#pragma data_seg()

__declspec(thread) bool __tls_guard = false;

// Variables of a thread with a constructor: their initialisers lie in .CRT$XD*.
void __dyn_tls_on_demand_init() {
    if (__tls_guard)
        return;
    __tls_guard = true;
    for (Initializer *next = &__xd_a; next < &__xd_z; ++next)
        if (*next)
            (*next)();
}

void __dyn_tls_init(void *, u32 reason, void *) {
    const u32 processAttach = 1, threadAttach = 2;
    if (reason == processAttach || reason == threadAttach)
        __dyn_tls_on_demand_init();
}

__declspec(allocate(".CRT$XLC")) TlsCallback __xl_c = __dyn_tls_init;

// IMAGE_TLS_DIRECTORY64
struct TlsDirectory {
    u64 start, end, index, callbacks;
    u32 zeroFill, characteristics;
};
__declspec(allocate(".rdata$T")) extern const TlsDirectory _tls_used = {
    (u64)&_tls_start, (u64)&_tls_end, (u64)&_tls_index, (u64)(&__xl_a + 1), 0, 0};

void __security_check_cookie(u64 cookie) {
    if (cookie != __security_cookie)
        RaiseFailFastException(nullptr, nullptr, 0);
}

void __report_rangecheckfailure() { RaiseFailFastException(nullptr, nullptr, 0); }

// ExceptionContinueSearch: the frame's own handler, if it has one, is called through another routine.
int __GSHandlerCheck(void *, void *, void *, void *) { return 1; }

int _purecall() {
    RaiseFailFastException(nullptr, nullptr, 0);
    return 0;
}

// Calls through function pointers come here with the target in rax. The loader would put its checking routine here in a
// module with control-flow guard, which ours is not.
__attribute__((naked)) void dispatch() { __asm__("jmp *%rax"); }
extern void (*const __guard_dispatch_icall_fptr)() = dispatch;

static const int MostAtExit = 64;
static Initializer s_atExit[MostAtExit];
static int s_atExitCount;

int atexit(Initializer function) {
    if (s_atExitCount == MostAtExit)
        return 1;
    s_atExit[s_atExitCount++] = function;
    return 0;
}

void crt_exit() {
    while (s_atExitCount > 0)
        s_atExit[--s_atExitCount]();
}

bool crt_initialize() {
    u64 time;
    GetSystemTimeAsFileTime(&time);
    // The two high bytes are zero by convention: a string that overruns the cookie then ends in it.
    __security_cookie = (__security_cookie ^ time ^ (u64)&time) & 0xffff'ffff'ffff;
    for (CheckedInitializer *next = &__xi_a; next < &__xi_z; ++next)
        if (*next && (*next)())
            return false;
    for (Initializer *next = &__xc_a; next < &__xc_z; ++next)
        if (*next)
            (*next)();
    return true;
}
}

namespace std {
struct nothrow_t {};
extern const nothrow_t nothrow;
const nothrow_t nothrow{};
}

void *operator new(u64 bytes, const std::nothrow_t &) noexcept { return HeapAlloc(GetProcessHeap(), 0, bytes ? bytes : 1); }
void *operator new[](u64 bytes, const std::nothrow_t &) noexcept { return HeapAlloc(GetProcessHeap(), 0, bytes ? bytes : 1); }
void operator delete(void *block) noexcept {
    if (block)
        HeapFree(GetProcessHeap(), 0, block);
}
void operator delete(void *block, u64) noexcept { operator delete(block); }
void operator delete[](void *block) noexcept { operator delete(block); }
void operator delete[](void *block, u64) noexcept { operator delete(block); }
