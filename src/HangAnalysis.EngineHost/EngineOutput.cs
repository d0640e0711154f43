using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace HangAnalysis.EngineHost;

/// <summary>IDebugOutputCallbacks of dbgeng.h.</summary>
[GeneratedComInterface, Guid("4bf58045-d654-4c40-b0af-683090f356dc")]
internal partial interface IDebugOutputCallbacks
{
    /// <summary>Receives text in the ANSI code page.</summary>
    [PreserveSig]
    int Output(uint mask, nint text);
}

/// <summary>IDebugOutputCallbacks2 of dbgeng.h: UTF-16, as text or as DML.</summary>
[GeneratedComInterface, Guid("67721fe9-56d2-4a44-a325-2b65513ce6eb")]
internal partial interface IDebugOutputCallbacks2 : IDebugOutputCallbacks
{
    /// <summary>Says what is wanted.</summary>
    [PreserveSig]
    int GetInterestMask(out uint mask);

    /// <summary>Receives text, DML, or the request to flush.</summary>
    [PreserveSig]
    int Output2(uint which, uint flags, ulong argument, nint text);
}

/// <summary>Writes what the engine says.</summary>
/// <param name="writer">Receives it.</param>
/// <param name="wantsDml">Whether tags are wanted too; else the engine takes them out.</param>
[GeneratedComClass]
internal sealed partial class EngineOutput(TextWriter writer, bool wantsDml) : IDebugOutputCallbacks2
{
    private const uint InterestText = 2;
    private const uint InterestDml = 4;
    private const uint KindExplicitFlush = 2;

    /// <inheritdoc/>
    public int Output(uint mask, nint text)
    {
        // Not called while Output2 is offered.
        writer.Write(Marshal.PtrToStringAnsi(text));
        return 0;
    }

    /// <inheritdoc/>
    public int GetInterestMask(out uint mask)
    {
        // With both the engine sends every piece twice.
        mask = wantsDml ? InterestDml : InterestText;
        return 0;
    }

    /// <inheritdoc/>
    public int Output2(uint which, uint flags, ulong argument, nint text)
    {
        if (which != KindExplicitFlush)
            writer.Write(Marshal.PtrToStringUni(text));
        return 0;
    }
}
