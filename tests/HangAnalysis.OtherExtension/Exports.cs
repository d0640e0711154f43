using System.Runtime.InteropServices;
using HangAnalysis.DbgEng;

namespace HangAnalysis.OtherExtension;

/// <summary>An extension of somebody else, two of whose commands have the names of ours.</summary>
internal static unsafe class Exports
{
    /// <summary>Tells the engine a version: 1.0.</summary>
    [UnmanagedCallersOnly(EntryPoint = "DebugExtensionInitialize")]
    public static int Initialize(uint* version, uint* flags)
    {
        (*version, *flags) = (1 << 16, 0);
        return DebugInterface.Ok;
    }

    /// <summary><c>!us</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "us")]
    public static int Us(nint client, byte* arguments) => Answer(client, "us");

    /// <summary><c>!hangwhy</c></summary>
    [UnmanagedCallersOnly(EntryPoint = "hangwhy")]
    public static int HangWhy(nint client, byte* arguments) => Answer(client, "hangwhy");

    private static int Answer(nint client, string name)
    {
        using DebugControl control = new(new DebugInterface(client));
        control.Output(DebugControl.AmbientText, DebugControl.OutputNormal, $"{name} of the other extension\n");
        return DebugInterface.Ok;
    }
}
