using System.Runtime.InteropServices;
using System.Text;
using HangAnalysis.DbgEng;
using HangAnalysis.Windows;

namespace HangAnalysis.Extension;

/// <summary>Lines that <c>dt</c> shows beside structures.</summary>
/// <remarks>
/// The engine gives no client with this call, so that one is made for it; and <c>dt</c> must not take seconds, so that only
/// the structure itself is read.
/// </remarks>
internal static unsafe class KnownStructures
{
    private const uint GetNames = 1; // DEBUG_KNOWN_STRUCT_GET_NAMES
    private const uint GetSingleLineOutput = 2; // DEBUG_KNOWN_STRUCT_GET_SINGLE_LINE_OUTPUT
    private const uint SuppressTypeName = 3; // DEBUG_KNOWN_STRUCT_SUPPRESS_TYPE_NAME
    private const int No = 1; // S_FALSE
    private const int BufferTooSmall = 1; // S_FALSE: the text is cut

    /// <summary>Answers the engine's three questions.</summary>
    public static int Output(uint flags, ulong offset, byte* typeName, byte* buffer, uint* bufferChars) => flags switch
    {
        GetNames => Copy(string.Join('\0', StructureLines.Types) + "\0", buffer, bufferChars),
        GetSingleLineOutput when CommandRunner.DescribeStructure(Marshal.PtrToStringAnsi((nint)typeName) ?? "", offset) is { } line =>
            Copy(" " + line, buffer, bufferChars), // dt prints it right behind the type's name
        SuppressTypeName => No,
        _ => unchecked((int)0x80004005), // E_FAIL
    };

    private static int Copy(string text, byte* buffer, uint* bufferChars)
    {
        if (bufferChars is null)
            return unchecked((int)0x80070057); // E_INVALIDARG
        byte[] bytes = Encoding.ASCII.GetBytes(text + "\0");
        uint room = *bufferChars;
        *bufferChars = (uint)bytes.Length;
        if (buffer is null || room == 0)
            return BufferTooSmall;
        int count = (int)Math.Min(room, (uint)bytes.Length);
        bytes.AsSpan(0, count).CopyTo(new Span<byte>(buffer, count));
        buffer[count - 1] = 0;
        return count < bytes.Length ? BufferTooSmall : DebugInterface.Ok;
    }
}
