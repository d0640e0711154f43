using System.Reflection;
using System.Runtime.InteropServices;
using HangAnalysis.DbgEng;

namespace HangAnalysis.Extension;

/// <summary>What the debugger engine calls. The names, and that commands are in lower case, are its rules.</summary>
internal static unsafe class Exports
{
    private const uint SessionInactive = 1; // DEBUG_NOTIFY_SESSION_INACTIVE
    private const uint SessionInaccessible = 3; // DEBUG_NOTIFY_SESSION_INACCESSIBLE

    /// <summary>Tells the engine the extension's version.</summary>
    [UnmanagedCallersOnly(EntryPoint = "DebugExtensionInitialize")]
    public static int Initialize(uint* version, uint* flags)
    {
        Version? own = Assembly.GetExecutingAssembly().GetName().Version;
        *version = own is null ? 0 : (uint)own.Major << 16 | (uint)own.Minor;
        *flags = 0;
        return DebugInterface.Ok;
    }

    /// <summary>What was read is not true any more once the target runs, or is gone.</summary>
    [UnmanagedCallersOnly(EntryPoint = "DebugExtensionNotify")]
    public static void Notify(uint notify, ulong argument)
    {
        if (notify is SessionInactive or SessionInaccessible)
            DropSession();
    }

    /// <summary>Gives the memory back; the image itself stays, since compiled .NET libraries cannot be unloaded.</summary>
    [UnmanagedCallersOnly(EntryPoint = "DebugExtensionUninitialize")]
    public static void Uninitialize() => DropSession();

    /// <summary>One line for <c>dt</c> on a structure that is known here.</summary>
    [UnmanagedCallersOnly(EntryPoint = "KnownStructOutput")]
    public static int KnownStructOutput(uint flags, ulong offset, byte* typeName, byte* buffer, uint* bufferChars)
    {
        try
        {
            return KnownStructures.Output(flags, offset, typeName, buffer, bufferChars);
        }
        catch (Exception)
        {
            return unchecked((int)0x80004005); // E_FAIL: dt prints the structure as it would without us
        }
    }

    /// <summary><c>!hangwhy</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "hangwhy")]
    public static int HangWhy(nint client, byte* arguments) => Run("hangwhy", client, arguments);

    /// <summary><c>!us</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "us")]
    public static int Us(nint client, byte* arguments) => Run("us", client, arguments);

    /// <summary><c>!lpcchain</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "lpcchain")]
    public static int LpcChain(nint client, byte* arguments) => Run("lpcchain", client, arguments);

    /// <summary><c>!cpus</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "cpus")]
    public static int Cpus(nint client, byte* arguments) => Run("cpus", client, arguments);

    /// <summary><c>!irps</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "irps")]
    public static int Irps(nint client, byte* arguments) => Run("irps", client, arguments);

    /// <summary><c>!workers</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "workers")]
    public static int Workers(nint client, byte* arguments) => Run("workers", client, arguments);

    /// <summary><c>!mods</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "mods")]
    public static int Mods(nint client, byte* arguments) => Run("mods", client, arguments);

    /// <summary><c>!stor</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "stor")]
    public static int Stor(nint client, byte* arguments) => Run("stor", client, arguments);

    /// <summary><c>!crashwhy</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "crashwhy")]
    public static int CrashWhy(nint client, byte* arguments) => Run("crashwhy", client, arguments);

    /// <summary><c>!rules</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "rules")]
    public static int Rules(nint client, byte* arguments) => Run("rules", client, arguments);

    /// <summary><c>!mem</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "mem")]
    public static int Mem(nint client, byte* arguments) => Run("mem", client, arguments);

    /// <summary><c>!poolwho</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "poolwho")]
    public static int PoolWho(nint client, byte* arguments) => Run("poolwho", client, arguments);

    /// <summary><c>!dumpcheck</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "dumpcheck")]
    public static int DumpCheck(nint client, byte* arguments) => Run("dumpcheck", client, arguments);

    /// <summary><c>!why</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "why")]
    public static int Why(nint client, byte* arguments) => Run("why", client, arguments);

    /// <summary><c>!owners</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "owners")]
    public static int Owners(nint client, byte* arguments) => Run("owners", client, arguments);

    /// <summary><c>!deadlocks</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "deadlocks")]
    public static int Deadlocks(nint client, byte* arguments) => Run("deadlocks", client, arguments);

    /// <summary><c>!t</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "t")]
    public static int Thread(nint client, byte* arguments) => Run("t", client, arguments);
    /// <summary><c>!fems</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "fems")]
    public static int Fems(nint client, byte* arguments) => Run("fems", client, arguments);
    /// <summary><c>!lt</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "lt")]
    public static int Lt(nint client, byte* arguments) => Run("lt", client, arguments);

    /// <summary><c>!running</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "running")]
    public static int Running(nint client, byte* arguments) => Run("running", client, arguments);

    /// <summary><c>!ready</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "ready")]
    public static int Ready(nint client, byte* arguments) => Run("ready", client, arguments);
    /// <summary><c>!lpcwait</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "lpcwait")]
    public static int LpcWait(nint client, byte* arguments) => Run("lpcwait", client, arguments);

    /// <summary><c>!lpcports</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "lpcports")]
    public static int LpcPorts(nint client, byte* arguments) => Run("lpcports", client, arguments);

    /// <summary><c>!msg</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "msg")]
    public static int Msg(nint client, byte* arguments) => Run("msg", client, arguments);
    /// <summary><c>!p</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "p")]
    public static int Process(nint client, byte* arguments) => Run("p", client, arguments);

    /// <summary><c>!tl</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "tl")]
    public static int ProcessList(nint client, byte* arguments) => Run("tl", client, arguments);

    /// <summary><c>!hahelp</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "hahelp")]
    public static int Help(nint client, byte* arguments) => Run("hahelp", client, arguments);

    private static int Run(string name, nint client, byte* arguments) =>
        CommandRunner.Run(new DebugInterface(client), $"!{name} {Marshal.PtrToStringAnsi((nint)arguments)}");

    private static void DropSession()
    {
        try
        {
            CommandRunner.DropSession();
        }
        catch (Exception)
        {
            // Files that do not close are no reason to end the debugger.
        }
    }
}
