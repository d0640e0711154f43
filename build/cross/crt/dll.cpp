// Where the loader enters a DLL.
#include "crt.h"

extern "C" {
int DllMain(void *module, u32 reason, void *reserved);

int _DllMainCRTStartup(void *module, u32 reason, void *reserved) {
    const u32 processDetach = 0, processAttach = 1;
    if (reason == processAttach && !crt_initialize())
        return 0;
    int result = DllMain(module, reason, reserved);
    // At the end of the process the other threads are gone wherever they stood: nothing is run then.
    if (reason == processDetach && !reserved)
        crt_exit();
    return result;
}
}
