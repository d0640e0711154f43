// What the start-up code of DLLs and of programs shares.
#pragma once

extern "C" {
typedef unsigned int u32;
typedef unsigned long long u64;

__declspec(dllimport) void *GetProcessHeap();
__declspec(dllimport) void *HeapAlloc(void *heap, u32 flags, u64 bytes);
__declspec(dllimport) int HeapFree(void *heap, u32 flags, void *block);
__declspec(dllimport) void GetSystemTimeAsFileTime(u64 *time);
__declspec(dllimport) void RaiseFailFastException(void *record, void *context, u32 flags);

// Runs the initialisers that compilers leave in .CRT$XI* and .CRT$XC*; false where one of them refused.
bool crt_initialize();

// Runs what atexit took, the latest first.
void crt_exit();
}
