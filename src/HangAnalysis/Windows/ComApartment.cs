using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Tells the COM apartment of a thread from what COM keeps for it.</summary>
/// <remarks>
/// TEB.ReservedForOle points to COM's data of the thread (SOleTlsData) and is zero until the thread uses COM. Its dwFlags say
/// what was initialised: OLETLS_APARTMENTTHREADED 0x80 and OLETLS_MULTITHREADED 0x100, the same in all published lists. Where
/// the symbols of combase (ole32 up to 7) have the structure, they say where the flags lie; else public write-ups of x64
/// agree on 0x14, and the answer is only inferred.
/// </remarks>
internal sealed class ComApartment
{
    private const uint ApartmentThreaded = 0x80, MultiThreaded = 0x100;
    private const int UsualFlagsOffset = 0x14, UsualFlagsOffset32 = 0xc;
    private const ulong LowestUserAddress = 0x10000, HighestUserAddress = 0x7fff_ffff_ffff;

    private static readonly string[] s_modules = ["combase", "ole32"];
    private static readonly string[] s_types = ["SOleTlsData", "tagSOleTlsData"];

    private readonly ITarget _target;
    private readonly FrameNames _names;
    private readonly FieldSlot _reservedForOle;
    private readonly Dictionary<ProcessAddress, int?> _offsets = [];

    public ComApartment(KernelSession session, FrameNames names)
    {
        (_target, _names) = (session.Target, names);
        _reservedForOle = session.Types.Get("_TEB").Optional("ReservedForOle");
    }

    /// <summary>The apartment of a thread.</summary>
    public ApartmentFacts Read(ThreadFacts thread)
    {
        ProcessFacts process = thread.Process;
        if (thread.HasExited)
            return Unknown("the thread has ended");
        if (thread.EnvironmentBlock == 0)
            return Unknown("the thread runs no program");
        if (process.Is32Bit)
            return Unknown("it is a 32-bit program, whose data of COM are not read");
        if (!_reservedForOle.IsPresent)
            return Unknown("the kernel's symbols do not tell where COM's data are");
        IMemory memory = _names.UserMemory(process);
        if (!memory.TryReadPointer(thread.EnvironmentBlock + (ulong)_reservedForOle.Offset, out ulong data))
            return Unknown("its environment block (TEB) is not in the dump");
        if (data == 0)
            return new ApartmentFacts(ApartmentKind.None, Certainty.Proven, "TEB.ReservedForOle is zero");
        if (data is < LowestUserAddress or > HighestUserAddress || (data & 3) != 0)
            return Unknown($"TEB.ReservedForOle is {data:x16}, which is no address of a program's data");
        int? offset = FindOffset(process);
        int usual = memory.PointerSize == sizeof(uint) ? UsualFlagsOffset32 : UsualFlagsOffset;
        if (!memory.TryReadUInt32(data + (ulong)(offset ?? usual), out uint flags))
            return Unknown("COM's data of the thread are not in the dump");
        Certainty certainty = offset is null ? Certainty.Inferred : Certainty.Proven;
        string why = $"SOleTlsData.dwFlags is 0x{flags:x}" +
            (offset is null ? $", read at +0x{usual:x} without symbols of COM" : "");
        return (flags & (ApartmentThreaded | MultiThreaded)) switch
        {
            ApartmentThreaded => new ApartmentFacts(ApartmentKind.SingleThreaded, certainty, why),
            MultiThreaded => new ApartmentFacts(ApartmentKind.MultiThreaded, certainty, why),
            // Data without either mark are those of a thread that uses COM through the others' apartment, or something else.
            0 when offset is not null => new ApartmentFacts(ApartmentKind.None, certainty, why),
            _ => Unknown($"{why}, which is neither of the two"),
        };
    }

    private static ApartmentFacts Unknown(string why) => new(ApartmentKind.Unknown, Certainty.Candidate, why);

    /// <summary>Where the flags lie by the symbols of the process's COM library; null where these do not tell.</summary>
    private int? FindOffset(ProcessFacts process)
    {
        if (_offsets.TryGetValue(process.Address, out int? known))
            return known;
        int? offset = null;
        foreach (string name in s_modules)
        {
            if (_names.UserModule(process, name) is not { } module || _target.GetSymbols(module) is not { } symbols)
                continue;
            foreach (string type in s_types)
                if (symbols.FindType(type)?.FindField("dwFlags") is { Offset: >= 0 and < Limits.StructureBytes } field)
                    offset ??= field.Offset;
        }
        _offsets.Add(process.Address, offset);
        return offset;
    }
}
