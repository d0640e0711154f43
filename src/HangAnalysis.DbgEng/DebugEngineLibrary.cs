using System.Runtime.InteropServices;

namespace HangAnalysis.DbgEng;

/// <summary>The engine that this process has loaded already.</summary>
/// <remarks>
/// It is asked for by the handle of the loaded image and never loaded: Windows has a dbgeng.dll of its own, and a debugger's
/// folder another one; a second engine in the process would know nothing of the session.
/// </remarks>
public static unsafe partial class DebugEngineLibrary
{
    private static readonly Guid s_client = new("27fe5639-8407-4f47-8364-ee118fb08ac8");

    /// <summary>
    /// Makes an IDebugClient for the session, for calls that the engine makes without lending one. False where no engine is
    /// loaded; else the caller releases the client.
    /// </summary>
    public static bool TryCreateClient(out DebugInterface client)
    {
        client = default;
        nint engine = GetModuleHandle("dbgeng.dll");
        if (engine == 0 || !NativeLibrary.TryGetExport(engine, "DebugCreate", out nint create))
            return false;
        Guid id = s_client;
        nint created;
        if (((delegate* unmanaged[Stdcall]<Guid*, nint*, int>)create)(&id, &created) < 0)
            return false;
        client = new DebugInterface(created);
        return true;
    }

    [LibraryImport("kernel32.dll", EntryPoint = "GetModuleHandleW", StringMarshalling = StringMarshalling.Utf16)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint GetModuleHandle(string name);
}
