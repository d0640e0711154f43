using System.Text;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Checkers of the system that stop at the deed: 0xC4, 0xC9, 0xE6, 0xC1, 0xCB, 0x76, 0xD3 and their like.</summary>
/// <remarks>
/// [D] What a checker names is better than what any rule finds (crash-triage 0.10 b): the first frame above its own functions is
/// the driver that did it.
/// </remarks>
internal static class VerifierStops
{
    private const int MostNameCharacters = 64;

    /// <summary>0xC4.</summary>
    public static void Violation(CrashCase crash)
    {
        ulong code = crash.P(1);
        VerifierSubcodes.Row row = VerifierSubcodes.Find(code) ?? new VerifierSubcodes.Row($"broke a rule of Driver Verifier (case {code:x})");
        crash.Name(1, "rule that was broken", Phrase.Of($"the driver {row.Words}"));
        Name(crash, 2, row.Second);
        Name(crash, 3, row.Third);
        Name(crash, 4, row.Fourth);
        if (VerifierSubcodes.IsDisk(code))
        {
            crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Device,
                "a disk, its controller or memory: what was read is not what was written", Certainty.Inferred,
                "Driver Verifier keeps a check value of each sector, and it does not fit"));
            return;
        }
        if (VerifierSubcodes.IsUnload(code))
        {
            AccuseUnloaded(crash, code, row);
            crash.Advise("in the debugger: !verifier 3 lists the blocks that were left");
            return;
        }
        Accuse(crash, row.Words);
    }

    /// <summary>0xC9: the input and output rules.</summary>
    public static void InputOutput(CrashCase crash)
    {
        string words = crash.P(1) switch
        {
            1 => "freed a request as an object that is none",
            2 => "freed a request that is in a thread's list",
            3 => "sent something that is no request",
            4 => "sent a request to something that is no device",
            5 => "returned from a dispatch routine at another IRQL",
            6 => "completed a request with a status that means pending",
            7 => "completed a request with a cancel routine set",
            8 => "built a request whose buffer is invalid",
            9 => "completed a request at an IRQL above DISPATCH_LEVEL",
            0xa => "completed a request at an IRQL that does not fit its event",
            _ => $"broke a rule for requests (case {crash.P(1):x})",
        };
        crash.Name(1, "rule that was broken", Phrase.Of($"the driver {words}"));
        crash.Name(2, "depends on the rule: the request, device or routine", Place(crash, crash.P(2)));
        crash.Name(3, "depends on the rule: the request, device or routine", Place(crash, crash.P(3)));
        crash.Name(4, "depends on the rule");
        // The routine that broke the rule is a parameter of most of these rules.
        Accuse(crash, words, 2, 3);
    }

    /// <summary>0xE6: DMA.</summary>
    public static void Dma(CrashCase crash)
    {
        crash.Name(1, "rule that was broken", Phrase.Of($"rule {crash.P(1):x} for direct memory access"));
        for (int i = 2; i <= 4; i++)
            crash.Name(i, "depends on the rule");
        const ulong Remapping = 0x26;
        if (crash.P(1) == Remapping)
            crash.Name(1, "rule that was broken", Phrase.Of("a device accessed memory that the DMA remapping has not given it"));
        Accuse(crash, "broke a rule for direct memory access");
    }

    /// <summary>0xC1: special pool.</summary>
    public static void SpecialPool(CrashCase crash)
    {
        (string words, string second, string third, bool isDeed) = crash.P(4) switch
        {
            0x20 => ("freed special pool that is not allocated", "", "", true),
            0x21 => ("freed special pool at a wrong address, or damaged it", "", "size in bytes that is recorded", false),
            0x22 => ("freed special pool at a wrong address", "", "", true),
            0x23 => ("damaged the page of a block of special pool", "address of the damage", "", false),
            0x24 => ("wrote beyond the end of a block of special pool", "address of the damage", "", false),
            0x2a or 0x2b => ("asked for or freed special pool with a wrong kind of pool", "", "", true),
            0x30 => ("asked for special pool at an IRQL that does not allow it", "pool type", "size in bytes", true),
            0x31 => ("freed special pool at an IRQL that does not allow it", "pool type", "", true),
            0x32 => ("freed special pool at an IRQL that does not allow it", "", "", true),
            _ => ("damaged special pool", "", "", false),
        };
        crash.Name(1, crash.P(4) is 0x30 ? "IRQL" : "address");
        crash.Name(2, second.Length > 0 ? second : "depends on the kind");
        crash.Name(3, third.Length > 0 ? third : "depends on the kind");
        crash.Name(4, "kind of failure", Phrase.Of($"a driver {words}"));
        if (isDeed || CrashStacks.FirstCaller(crash) is not { Module: { } module } frame)
        {
            Accuse(crash, words);
            return;
        }
        // Damage is found when the block is freed: whoever frees a block is its owner, and nobody else had its address.
        crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Module, $"{module.FileName}, the owner of the block, {words}",
            Certainty.Candidate, $"{frame.Text} frees the block that is damaged; a stranger's write into special pool faults at once")
        { Module = module, Frame = frame });
    }

    /// <summary>0xCB: a driver left pages of a process locked.</summary>
    public static void LockedPages(CrashCase crash)
    {
        const ulong MostPages = 1ul << 32;
        crash.Name(1, "where the pages were locked", Place(crash, crash.P(1)));
        crash.Name(2, "its caller", Place(crash, crash.P(2)));
        crash.Name(3, "MDL");
        crash.Name(4, crash.P(4) < MostPages ? "pages that are locked" : "name of the driver",
            ReadName(crash, crash.P(4)) is { } text ? Phrase.Of(text) : null);
        const string Words = "left pages of a process locked that has ended";
        for (int i = 1; i <= 2; i++)
            if (crash.System.DescribeAddress(crash.P(i)) is { Module: { Origin: not ModuleOrigin.Core } module } frame)
            {
                crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Module, $"{module.FileName} {Words}", Certainty.Proven,
                    $"the kernel has kept who locked them: {frame.Text}")
                { Module = module, Frame = frame });
                return;
            }
        if (ReadName(crash, crash.P(4)) is { } named)
            AccuseNamed(crash, named, Words);
        else
            AccuseUnknown(crash, Words, "neither address is a driver's; the kernel keeps them only where TrackLockedPages is set");
        crash.Advise(@"set TrackLockedPages = 1 in HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management");
    }

    /// <summary>0x76: the same without the address of the driver.</summary>
    public static void ProcessLockedPages(CrashCase crash)
    {
        crash.Name(1, "reserved");
        crash.Name(2, "process", crash.System.FindProcess(crash.P(2)) is { } process ? Phrase.Of($"{process}") : null);
        crash.Name(3, "pages that are locked");
        crash.Name(4, "records of who locked them");
        AccuseUnknown(crash, "left pages of a process locked that has ended", "the stop does not say who locked them");
        crash.Advise(@"set TrackLockedPages = 1 in HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management: " +
            "the next stop, 0xCB, then names the driver");
    }

    /// <summary>Accuses the first driver above the checker's own functions.</summary>
    private static void Accuse(CrashCase crash, string words, params ReadOnlySpan<int> routines)
    {
        foreach (FrameFacts frame in CrashStacks.Unwound(crash))
        {
            if (frame.Module is { IsUserMode: true })
                break;
            if (frame.Module is not { } module || IsChecker(frame) || module.Origin == ModuleOrigin.Core)
                continue;
            crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Module, $"{module.FileName} {words}",
                CrashStacks.IsForeign(module) ? Certainty.Inferred : Certainty.Candidate,
                $"the checker stops at the deed itself, and {frame.Text} is the first frame of a driver above it")
            { Module = module, Frame = frame });
            return;
        }
        foreach (int number in routines)
            if (crash.System.DescribeAddress(crash.P(number)) is { Module: { Origin: not ModuleOrigin.Core } module } routine)
            {
                crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Module, $"{module.FileName} {words}", Certainty.Inferred,
                    $"parameter {number} is its routine {routine.Text}")
                { Module = module, Frame = routine });
                return;
            }
        AccuseUnknown(crash, words, "no driver is among the unwound frames of the stack");
    }

    /// <summary>The driver that was just unloaded: by its name, or by the routine that its unloading called.</summary>
    private static void AccuseUnloaded(CrashCase crash, ulong code, VerifierSubcodes.Row row)
    {
        int number = code switch { 0x62 or 0xda => 2, _ => 0 };
        if (number != 0 && ReadName(crash, crash.P(number)) is { } name)
            AccuseNamed(crash, name, row.Words);
        else
            Accuse(crash, row.Words, 2, 3);
        const ulong LeftPool = 0x62;
        if (code == LeftPool)
            crash.Tell("Left behind", Phrase.Of($"{crash.P(4):N0} block{(crash.P(4) == 1 ? "" : "s")} of pool"));
    }

    private static void AccuseNamed(CrashCase crash, string name, string words)
    {
        ModuleFacts? module = null;
        foreach (TargetModule loaded in crash.System.Target.KernelModules)
            if (string.Equals(loaded.FileName, name, StringComparison.OrdinalIgnoreCase))
                module = crash.System.DescribeModule(loaded);
        int dot = name.LastIndexOf('.');
        crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Module, $"{name} {words}", Certainty.Proven,
            "the checker names it")
        { Module = module ?? new ModuleFacts(dot > 0 ? name[..dot] : name, name, 0, IsUserMode: false) });
    }

    private static void AccuseUnknown(CrashCase crash, string words, string why) =>
        crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Unknown, $"a driver that is not known {words}", Certainty.Inferred, why));

    /// <summary>Functions of the checker: of nt and of its extension, by the names that they have had since Windows XP.</summary>
    private static bool IsChecker(FrameFacts frame) => string.Equals(frame.Module?.Name, "VerifierExt", StringComparison.OrdinalIgnoreCase)
        || frame is { Module.Name: "nt", Symbol: { } name } && (name.StartsWith("Verifier", StringComparison.Ordinal)
            || name.StartsWith("Vf", StringComparison.Ordinal) || name.StartsWith("Vi", StringComparison.Ordinal));

    private static void Name(CrashCase crash, int number, string name)
    {
        ulong value = crash.P(number);
        Phrase? meaning = name switch
        {
            "tag" => PoolNeighbours.TagText((uint)value) is { } tag ? Phrase.Of($"'{tag}'") : null,
            "name of the driver" or "rule, as text" => ReadName(crash, value) is { } text ? Phrase.Of(text) : null,
            "caller" or "address in the driver" or "dispatch routine" or "completion routine" or "routine" => Place(crash, value),
            "IRQL" or "IRQL before" or "IRQL after" => value switch
            {
                0 => Phrase.Of("PASSIVE_LEVEL"),
                1 => Phrase.Of("APC_LEVEL"),
                2 => Phrase.Of("DISPATCH_LEVEL"),
                _ => null,
            },
            _ => null,
        };
        crash.Name(number, name.Length > 0 ? name : "depends on the rule", meaning);
    }

    private static Phrase? Place(CrashCase crash, ulong address) =>
        crash.System.DescribeAddress(address) is { Module: not null } frame ? Phrase.Of(frame.Text) : null;

    /// <summary>
    /// A name that a parameter leads to: a UNICODE_STRING, or characters of one or two bytes, which differ between the rules.
    /// Null where what is there is no such text.
    /// </summary>
    private static string? ReadName(CrashCase crash, ulong address)
    {
        IMemory memory = crash.Session.Memory;
        if (!crash.Session.IsKernel(address))
            return null;
        if (UnicodeStrings.Read(memory, address) is { Length: <= MostNameCharacters } counted && IsPrintable(counted))
            return counted;
        byte[] bytes = new byte[2 * MostNameCharacters];
        int held = memory.Read(address, bytes);
        if (held < 4)
            return null;
        bool isWide = bytes[1] == 0 && bytes[3] == 0;
        string text = (isWide ? Encoding.Unicode : Encoding.ASCII).GetString(bytes, 0, held & ~1);
        int end = text.IndexOf('\0', StringComparison.Ordinal);
        text = end < 0 ? text : text[..end];
        const int ShortestName = 3;
        return text.Length >= ShortestName && IsPrintable(text) ? text : null;
    }

    private static bool IsPrintable(string text)
    {
        foreach (char letter in text)
            if (letter is < ' ' or > '~')
                return false;
        return true;
    }
}
