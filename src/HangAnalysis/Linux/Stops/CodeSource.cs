using HangAnalysis.Linux.Symbols;

namespace HangAnalysis.Linux.Stops;

/// <summary>The code around an instruction: from memory, or from the log where memory does not have it.</summary>
internal sealed class CodeSource
{
    /// <summary>
    /// Bytes of a function that are read to find where its instructions begin; longer ones are met within.
    /// </summary>
    private const int MostBefore = 4096;

    private const int Behind = 64;

    /// <summary>Reads it.</summary>
    public CodeSource(LinuxSession session, ulong fault, OopsReport? oops)
    {
        Fault = fault;
        ulong start = session.Symbols.TryFindFunction(fault, out LinuxSymbol function)
            && fault - function.Address <= MostBefore
            ? function.Address
            : fault - 64;
        byte[] bytes = new byte[(int)(fault - start) + Behind];
        int read = fault < MostBefore ? 0 : session.Memory.Read(start, bytes);
        if (read > (int)(fault - start))
        {
            Bytes = bytes.AsSpan(0, read).ToArray();
            Start = start;
        }
        else if (fault >= MostBefore && session.Memory.Read(fault, bytes.AsSpan(0, Behind)) is > 0 and var own)
        {
            Bytes = bytes.AsSpan(0, own).ToArray();
            Start = fault;
        }
        else if (oops is { Code.Count: > 0 })
        {
            Bytes = [.. oops.Code];
            Start = unchecked(fault - (ulong)oops.CodeIndex);
            IsFromLog = true;
        }
    }

    /// <summary>Address of the instruction.</summary>
    public ulong Fault { get; }

    /// <summary>The bytes; empty where neither has them.</summary>
    public byte[] Bytes { get; } = [];

    /// <summary>Address of the first of them.</summary>
    public ulong Start { get; }

    /// <summary>Whether they are the log's.</summary>
    public bool IsFromLog { get; }

    /// <summary>The bytes from the instruction on.</summary>
    public byte[] FromFault => Bytes.Length == 0 ? [] : Bytes[(int)(Fault - Start)..];
}
