using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Code;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows.Crashes;

/// <summary>The code at the fault: the instruction, what stands around it, and where the bytes come from.</summary>
internal sealed class FaultCode
{
    /// <summary>Instructions shown before and behind.</summary>
    private const int LinesBefore = 6, LinesAfter = 4;

    /// <summary>Bytes read before the instruction where the start of its function is not known, and behind it.</summary>
    private const int BytesBefore = 96, BytesAfter = 64;

    /// <summary>Where a function begins further away, what lies between is not decoded.</summary>
    private const uint FarthestStart = 4096;

    private FaultCode(byte[] bytes, int fault)
    {
        Before = bytes.AsSpan(0, fault).ToArray();
        Bytes = bytes.AsSpan(fault).ToArray();
    }

    /// <summary>The bytes before the instruction, as far as they are there.</summary>
    public byte[] Before { get; }

    /// <summary>The bytes from the instruction on.</summary>
    public byte[] Bytes { get; }

    /// <summary>Whether they are those of the image's file: the dump does not hold them, and memory may have held others.</summary>
    public bool IsFromFile { get; private init; }

    /// <summary>The instructions around it.</summary>
    public IReadOnlyList<CrashCodeLine> Lines { get; private init; } = [];

    /// <summary>The instruction itself; null where its bytes make none.</summary>
    public InstructionStudy? Instruction { get; private init; }

    /// <summary>Reads the code at a fault; null where neither the dump nor a file on the symbol path holds it.</summary>
    public static FaultCode? Read(WindowsSystem system, FaultContext context)
    {
        ulong address = context.InstructionPointer;
        Architecture architecture = system.Target.Description.Architecture;
        if (architecture is not (Architecture.X64 or Architecture.X86))
            return null;
        int bits = architecture == Architecture.X86 ? 32 : 64;
        UnwindImage? image = system.FindImage(address);
        int wanted = BytesBeforeOf(image, address);
        bool isFromFile = false;
        byte[] code = ReadMemory(system.Session.Memory, address, wanted, out int before);
        if (code.Length == before && image is not null)
        {
            code = ReadFile(image, address, wanted, out before);
            isFromFile = true;
        }
        if (code.Length == before)
            return null;
        Disassembly disassembly = new(system.NameVariable, CodeSyntax.Masm, bits);
        List<CrashCodeLine> lines = [];
        foreach (CodeLine line in disassembly.Around(code, address - (ulong)before, address, LinesBefore, LinesAfter))
            lines.Add(new CrashCodeLine(line.Address, line.Bytes, line.Text, line.IsFault));
        FaultCode found = new(code, before) { IsFromFile = isFromFile, Lines = lines };
        return new FaultCode(code, before)
        {
            IsFromFile = isFromFile,
            Lines = lines,
            Instruction = InstructionStudy.Of(found.Bytes, address, bits, context.Value),
        };
    }

    /// <summary>From the start of the function on the instructions before are certain.</summary>
    private static int BytesBeforeOf(UnwindImage? image, ulong address)
    {
        if (image?.Functions is not { } functions)
            return BytesBefore;
        uint rva = (uint)(address - image.BaseAddress);
        return functions.Find(rva, out RuntimeFunction function) == FunctionLookup.Found && rva - function.Begin < FarthestStart
            ? (int)(rva - function.Begin)
            : BytesBefore;
    }

    private static byte[] ReadMemory(IMemory memory, ulong address, int wanted, out int before)
    {
        byte[] behind = new byte[BytesAfter];
        int read = Math.Max(0, memory.Read(address, behind));
        byte[] ahead = new byte[wanted];
        before = wanted;
        // A block may begin in the middle: the bytes that touch the instruction are those that count.
        while (before > 0 && memory.Read(address - (ulong)before, ahead.AsSpan(0, before)) < before)
            before /= 2;
        return [.. ahead.AsSpan(0, before), .. behind.AsSpan(0, read)];
    }

    private static byte[] ReadFile(UnwindImage image, ulong address, int wanted, out int before)
    {
        uint rva = (uint)(address - image.BaseAddress);
        before = (int)Math.Min((uint)wanted, rva);
        byte[] bytes = new byte[before + BytesAfter];
        int read = Math.Max(0, image.Bytes.Read(rva - (uint)before, bytes));
        if (read <= before)
            before = read;
        return bytes.AsSpan(0, read).ToArray();
    }
}
