using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Windows.Collecting;

/// <summary>The kinds of kernel dumps that Windows and its debuggers write, and what each can show.</summary>
/// <remarks>
/// Sources: learn.microsoft.com, "Varieties of kernel-mode dump files", "Introduction to page files", the DumpType of published
/// headers; real small dumps [DUMP 22].
/// </remarks>
internal static class DumpKinds
{
    private const uint Full = 1, Summary = 2, Triage = 4, BitmapFull = 5, BitmapKernel = 6, KernelRange = 8, ActiveRange = 9,
        CompleteRange = 10;

    /// <summary>
    /// A complete dump lacks a few percent of memory, which the machine keeps for itself; one that lacks more was filtered.
    /// </summary>
    private const double Complete = 0.9;

    /// <summary>What the kind of a dump is, by its type and by what is left out.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Reason">What tells it.</param>
    /// <param name="Worth">What it is good for.</param>
    /// <param name="HoldsKernel">Whether all of the kernel's resident memory is meant to be in it.</param>
    /// <param name="HoldsUser">Whether programs' resident memory is meant to be in it.</param>
    public sealed record DumpKindFacts(string Name, string Reason, string Worth, bool HoldsKernel, DumpHolds HoldsUser);

    /// <summary>The kind of a dump.</summary>
    /// <param name="file">What the file says; null where only a debugger speaks for it.</param>
    /// <param name="description">What the target says.</param>
    /// <param name="isLive">Whether it was taken of a system that went on, by its bug check.</param>
    public static DumpKindFacts Of(DumpFileFacts? file, TargetDescription description, bool isLive)
    {
        const string KernelWorth = "kernel threads, locks, requests and drivers; nothing of what programs did in their own code";
        const string CompleteWorth = "everything that was in memory, programs too";
        string type = file is null ? "" : $"dump type {file.Type}";
        return file?.Type switch
        {
            Triage => SmallKind($"{type}, {file.Small?.Blocks ?? 0:N0} blocks of memory instead of pages"),
            null when !description.HoldsPages => SmallKind($"the debugger calls it '{description.Kind}'"),
            Full => new("complete memory dump", $"{type}: whole runs of physical memory", CompleteWorth, true, DumpHolds.Yes),
            BitmapFull when file is { HeldBytes: { } held, MachineBytes: { } all } && held < all * Complete =>
                new("complete memory dump with pages left out",
                    $"{type}, {held * 100.0 / all:0} % of the machine's memory: most likely an active memory dump (FilterPages)",
                    "the kernel, and the memory that programs used", true, DumpHolds.Partly),
            BitmapFull => new("complete or active memory dump", $"{type}: a bitmap says which pages are there", CompleteWorth,
                true, DumpHolds.Yes),
            BitmapKernel when isLive => new("live kernel dump", $"{type}, and a bug check of systems that go on running",
                KernelWorth + "; its parts are of slightly different moments", true, DumpHolds.No),
            BitmapKernel => new("kernel or automatic memory dump",
                $"{type}: a bitmap says which pages are there; the file does not tell which of the two was set", KernelWorth,
                true, DumpHolds.No),
            Summary => new("kernel memory dump", $"{type}: the form before Windows 8", KernelWorth, true, DumpHolds.No),
            KernelRange => new("kernel dump of a debugger", $"{type}: .dump /k", KernelWorth, true, DumpHolds.No),
            ActiveRange => new("kernel and program dump of a debugger", $"{type}: .dump /ka",
                "the kernel, and the memory that programs used", true, DumpHolds.Partly),
            CompleteRange => new("complete dump of a debugger", $"{type}: .dump /f", CompleteWorth, true, DumpHolds.Yes),
            _ => new(description.Kind, "as the debugger calls it", "what the debugger shows of it", true, DumpHolds.Partly),
        };
    }

    private static DumpKindFacts SmallKind(string reason) => new("small memory dump", reason,
        "the stop, one thread and the modules; no other thread, no lock, no pool table", false, DumpHolds.No);
}
