// Where the loader enters a program. An object of its own, so that a DLL does not ask for wmain.
#include "crt.h"

extern "C" {
__declspec(dllimport) wchar_t *GetCommandLineW();
__declspec(dllimport) wchar_t **CommandLineToArgvW(const wchar_t *line, int *count);
__declspec(dllimport) void ExitProcess(u32 code);
int wmain(int count, wchar_t **arguments);

void wmainCRTStartup() {
    if (!crt_initialize())
        ExitProcess(255);
    int count = 0;
    wchar_t **arguments = CommandLineToArgvW(GetCommandLineW(), &count);
    int code = wmain(count, arguments);
    crt_exit();
    ExitProcess((u32)code);
}
}
