using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Says in words what a stack shows: the system call, and the work that it is part of.</summary>
internal static class OperationKnowledge
{
    /// <summary>System calls whose purpose their name tells, by kernel function. The innermost one on the stack counts.</summary>
    private static readonly Dictionary<string, string> s_operations = new()
    {
        ["nt!IopCloseFile"] = "closes a file",
        ["nt!NtClose"] = "closes a handle",
        ["nt!NtCreateFile"] = "opens a file",
        ["nt!NtOpenFile"] = "opens a file",
        ["nt!NtReadFile"] = "reads a file",
        ["nt!NtWriteFile"] = "writes a file",
        ["nt!NtFlushBuffersFile"] = "flushes a file",
        ["nt!NtFlushBuffersFileEx"] = "flushes a file",
        ["nt!NtQueryDirectoryFile"] = "lists a folder",
        ["nt!NtQueryDirectoryFileEx"] = "lists a folder",
        ["nt!NtSetInformationFile"] = "changes a file",
        ["nt!NtQueryInformationFile"] = "asks about a file",
        ["nt!NtQueryAttributesFile"] = "asks about a file",
        ["nt!NtQueryFullAttributesFile"] = "asks about a file",
        ["nt!NtDeleteFile"] = "deletes a file",
        ["nt!NtDeviceIoControlFile"] = "talks to a device",
        ["nt!NtFsControlFile"] = "talks to a file system",
        ["nt!NtCreateSection"] = "maps a file",
        ["nt!NtMapViewOfSection"] = "maps a file",
        ["nt!NtCreateUserProcess"] = "starts a process",
        ["nt!NtTerminateProcess"] = "ends a process",
        ["nt!NtCreateThreadEx"] = "starts a thread",
        ["nt!NtTerminateThread"] = "ends a thread",
        ["nt!NtOpenKey"] = "opens a registry key",
        ["nt!NtOpenKeyEx"] = "opens a registry key",
        ["nt!NtCreateKey"] = "creates a registry key",
        ["nt!NtSetValueKey"] = "writes the registry",
        ["nt!NtQueryValueKey"] = "reads the registry",
        ["nt!NtFlushKey"] = "flushes the registry",
        ["nt!NtUnloadKey"] = "unloads a registry hive",
        ["nt!NtUnloadKeyEx"] = "unloads a registry hive",
        ["nt!NtLoadDriver"] = "loads a driver",
        ["nt!NtUnloadDriver"] = "unloads a driver",
        ["nt!NtShutdownSystem"] = "shuts the system down",
        ["nt!NtAlpcSendWaitReceivePort"] = "waits for an answer",
    };

    /// <summary>Words in function names that tell the work of a thread, as people call it.</summary>
    private static readonly (string Word, string Purpose)[] s_purposes =
    [
        ("LogOff", "log-off"),
        ("Logoff", "log-off"),
        ("LogonUser", "log-on"),
        ("LsapLogon", "log-on"),
        ("WluirLogon", "log-on"),
        ("Shutdown", "shutdown"),
        ("ScStartService", "starting a service"),
        ("ScStopService", "stopping a service"),
    ];

    /// <summary>What the thread was asked to do; null where the stack does not show it.</summary>
    public static string? Operation(StackFacts stack)
    {
        foreach (FrameFacts frame in stack.Frames)
            if (s_operations.TryGetValue(frame.Function, out string? operation))
                return operation;
        return null;
    }

    /// <summary>The main function of a program, or else the outermost function that is not one of Windows' core parts.</summary>
    public static string? Landmark(StackFacts stack)
    {
        string? outermost = null;
        for (int i = stack.Frames.Count - 1; i >= 0; i--)
        {
            FrameFacts frame = stack.Frames[i];
            if (frame.Symbol is "wWinMain" or "WinMain" or "wmain" or "main")
                return $"main thread, {frame.Function}";
            if (frame is { Module.Origin: not ModuleOrigin.Core, Symbol: not null })
                outermost ??= frame.Function;
        }
        return outermost;
    }

    /// <summary>What people would call the work; null where the stack does not show it. The outermost frame that tells counts.</summary>
    public static string? Purpose(StackFacts stack)
    {
        for (int i = stack.Frames.Count - 1; i >= 0; i--)
            // The loader's own functions (LdrShutdownThread) run whenever a thread ends.
            if (stack.Frames[i].Symbol is { } symbol && !symbol.StartsWith("Ldr", StringComparison.Ordinal))
                foreach ((string word, string purpose) in s_purposes)
                    if (symbol.Contains(word, StringComparison.Ordinal))
                        return purpose;
        return null;
    }
}
