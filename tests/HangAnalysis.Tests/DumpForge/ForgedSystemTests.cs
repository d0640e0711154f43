using System.Text.Json;
using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Memory;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>
/// What holds for every forged system: its lists are closed, its waits are linked in both directions, and its stacks
/// unwind to the frames that the scenario names. Offsets come from the layout, never from the builder.
/// </summary>
[Parallelizable(ParallelScope.Children)]
internal sealed class ForgedSystemTests
{
    private static readonly string[] s_layouts =
        ["6.1.7601", "6.3.9600.19913", "10.0.14393", "10.0.17763.379", "10.0.18362", "10.0.19041", "10.0.22000"];

    private static IEnumerable<TestCaseData> Systems()
    {
        foreach (string layout in s_layouts)
            foreach (string scenario in ScenarioSet.Names)
            {
                string name = scenario.StartsWith("threads-", StringComparison.Ordinal) ? "threads-300"
                    : scenario.StartsWith("locks-", StringComparison.Ordinal) ? "locks-300" : scenario;
                yield return new TestCaseData(name, layout).SetName($"{name} on {layout}");
            }
    }

    private static SystemBuilder Finished(string scenario, string layout)
    {
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
        system.Finish();
        return system;
    }

    [TestCaseSource(nameof(Systems))]
    public void System_is_consistent_and_every_stack_unwinds(string scenario, string layout)
    {
        SystemBuilder system = Finished(scenario, layout);
        int ring(string variable) => Ring(system.Kernel, system.Variables[variable]).Count;
        Assert.That(ring("PsLoadedModuleList"), Is.EqualTo(system.Modules.Drivers.Count));
        Assert.That(ring("PsActiveProcessHead"), Is.EqualTo(system.Processes.Count(process => process.Pid != 0)));
        Assert.That(ring("ExpSystemResourcesList"), Is.GreaterThanOrEqualTo(0));
        foreach (IGrouping<ulong, ThreadBuilder> served in system.Threads.GroupBy(one => one.Struct.Get("Tcb.Queue")))
            if (served.Key != 0)
                Assert.That(Ring(system.Kernel, served.Key + (ulong)system.Layout.Offset(
                    system.Struct("_DISPATCHER_HEADER", served.Key).Get("Type") == 4 ? "_KQUEUE" : "_KPRIQUEUE", "ThreadListHead")),
                    Is.EquivalentTo(served.Select(one => one.Struct.At("Tcb.QueueListEntry"))));
        foreach (ProcessBuilder process in system.Processes)
        {
            ulong queue = process.Queue + (ulong)system.Layout.Offset("_KQUEUE", "ThreadListHead");
            int workers = system.Threads.Count(one => one.Struct.Get("Tcb.Queue") == process.Queue);
            Assert.That(Ring(system.Kernel, queue), Has.Count.EqualTo(workers), process.Name);
            int threads = system.Threads.Count(thread => thread.Process == process && !thread.IsIdle);
            foreach (string head in (string[])["ThreadListHead", "Pcb.ThreadListHead"])
                Assert.That(Ring(system.Kernel, process.Struct.At(head)), Has.Count.EqualTo(threads), process.Name);
        }
        ForgedWalk walk = new(system);
        foreach (ThreadBuilder thread in system.Threads)
        {
            CheckWaits(system, thread);
            if (thread.IsTerminated || thread.Struct.Get("Tcb.State") == 0 || thread.Struct.Get("Tcb.KernelStackResident") == 0)
                continue;
            CheckNames(thread);
            IEnumerable<ulong> addresses = thread.Frames!.Frames.Select(frame => frame.Address);
            if (thread.Frames.Frames[^1].Module is null)
                Assert.That(walk.WalkToNowhere(thread), Is.EqualTo(addresses), $"{thread.Process.Name} {thread.Tid:x}");
            else
                Assert.That(walk.Walk(thread), Is.EqualTo(thread.StackPointers.Zip(addresses)),
                    $"{thread.Process.Name} {thread.Tid:x}");
        }
        CheckTruth(system);
    }

    [Test]
    public void Same_scenario_gives_the_same_bytes()
    {
        byte[] first = Dump("logoff-hang", DumpKind.Full), second = Dump("logoff-hang", DumpKind.Full);
        Assert.That(first.AsSpan().SequenceEqual(second));
    }

    [TestCase(DumpKind.Full, 1u)]
    [TestCase(DumpKind.Bitmap, 5u)]
    [TestCase(DumpKind.KernelBitmap, 6u)]
    [TestCase(DumpKind.KernelRanges, 8u)]
    [TestCase(DumpKind.ActiveRanges, 9u)]
    [TestCase(DumpKind.CompleteRanges, 10u)]
    [TestCase(DumpKind.Triage, 4u)]
    public void Dump_has_the_type_that_was_asked_for(DumpKind kind, uint type)
    {
        byte[] dump = Dump("small", kind);
        Assert.That(dump.AsSpan(0, 8).SequenceEqual("PAGEDU64"u8));
        Assert.That(BitConverter.ToUInt32(dump, 0xf98), Is.EqualTo(type));
        Assert.That(BitConverter.ToUInt64(dump, 0xfa0), Is.EqualTo((ulong)dump.Length), "RequiredDumpSpace");
    }

    [Test]
    public void Seed_mixes_physical_pages_and_nothing_else()
    {
        SystemOptions options = new(KernelLayout.BuiltIn("10.0.14393")) { Seed = 12345, IsMinimal = true };
        SystemBuilder mixed = new(options), plain = new(options with { Seed = 0 });
        Assert.That(mixed.Kernel.DirectoryTableBase, Is.Not.EqualTo(plain.Kernel.DirectoryTableBase));
        ulong list = plain.Variables["PsActiveProcessHead"];
        Assert.That(mixed.Variables["PsActiveProcessHead"], Is.EqualTo(list));
        Assert.That(mixed.Kernel.ReadUInt64(list), Is.EqualTo(list));
        Assert.That(mixed.Physical.Pages, Has.Count.EqualTo(plain.Physical.Pages.Count));
    }

    [Test]
    public void Small_system_is_small()
    {
        Assert.That(Dump("small", DumpKind.Full), Has.Length.LessThan(400 * 1024));
        Assert.That(Dump("crash-triage", DumpKind.Triage), Has.Length.LessThan(256 * 1024));
    }

    [Test]
    public void Hostile_names_reach_the_dump_unchanged()
    {
        SystemBuilder system = Finished("hostile-names", "10.0.14393");
        ProcessBuilder process = system.Processes.First(one => one.Pid == 0xc1c);
        byte[] name = system.Kernel.Read(process.Struct.At("ImageFileName"), 15);
        Assert.That(name, Does.Contain((byte)0x1b).And.Contain((byte)'\n'));
        Assert.That(process.Path, Does.Contain("<exec cmd=").And.Contain("\u202e"));
        Assert.That(system.Truth.Culprit!.Version!.CompanyName, Does.Contain("\u202e").And.Contain("\u001b["));
    }

    private static byte[] Dump(string scenario, DumpKind kind)
    {
        using MemoryStream stream = new();
        ForgedDump.WriteDump(Finished(scenario, "10.0.14393"), stream, kind);
        return stream.ToArray();
    }

    /// <summary>Entries of a ring, whose links are checked in both directions.</summary>
    internal static List<ulong> Ring(AddressSpace space, ulong head)
    {
        List<ulong> entries = [];
        ulong last = head;
        for (ulong entry = space.ReadUInt64(head); entry != head; entry = space.ReadUInt64(entry))
        {
            Assert.That(space.ReadUInt64(entry + 8), Is.EqualTo(last), $"Blink of {entry:x}");
            entries.Add(last = entry);
            Assert.That(entries, Has.Count.LessThan(100_000));
        }
        Assert.That(space.ReadUInt64(head + 8), Is.EqualTo(last), $"Blink of the head {head:x}");
        return entries;
    }

    private static void CheckWaits(SystemBuilder system, ThreadBuilder thread)
    {
        KernelLayout layout = system.Layout;
        ulong first = thread.Struct.Get("Tcb.WaitBlockList");
        bool isRing = layout.Has("_KWAIT_BLOCK", "NextWaitBlock");
        bool isWaiting = thread.Struct.Get("Tcb.State") == 5;
        ulong count = isRing ? isWaiting ? 1ul : 0 : thread.Struct.Get("Tcb.WaitBlockCount");
        // A wait for being woken by identifier has no object.
        bool hasObject = isWaiting && !(layout.Enums.TryGetValue("_KWAIT_REASON", out IReadOnlyDictionary<string, long>? reasons)
            && reasons.TryGetValue("WrAlertByThreadId", out long alert) && thread.Struct.Get("Tcb.WaitReason") == (ulong)alert);
        Assert.That(count, hasObject ? Is.GreaterThan(0ul) : Is.Zero, $"{thread.Process.Name} {thread.Tid:x}");
        ulong block = first;
        for (ulong i = 0; i < count; i++)
        {
            ulong field(string name) =>
                system.Kernel.ReadUInt64(block + (ulong)layout.Offset("_KWAIT_BLOCK", name));
            Assert.That(field("Thread"), Is.EqualTo(thread.Address));
            ulong head = field("Object") + (ulong)layout.Offset("_DISPATCHER_HEADER", "WaitListHead");
            Assert.That(Ring(system.Kernel, head), Does.Contain(block));
            block = isRing ? field("NextWaitBlock") : block + (ulong)layout.Size("_KWAIT_BLOCK");
            if (isRing && block != first)
                count++;
            Assert.That(i, Is.LessThan(64), "the ring is closed");
        }
    }

    // A symbol names what lies behind it in its own section of the image.
    private static void CheckNames(ThreadBuilder thread)
    {
        foreach (StackFrame frame in thread.Frames!.Frames)
        {
            if (frame.Module is null)
                continue;
            PeImage image = frame.Module.Image!;
            uint rva = (uint)(frame.Address - image.Base);
            PeSection section = image.Sections.Last(one => one.Rva <= rva);
            Assert.That(rva - section.Rva, Is.LessThan(section.VirtualSize), frame.Text);
            string? nearest = image.Symbols.Where(symbol => symbol.Rva <= rva && symbol.Rva >= section.Rva)
                .OrderBy(symbol => symbol.Rva).Select(symbol => symbol.Name).LastOrDefault();
            if (frame.Symbol is not null)
                Assert.That(nearest, Is.EqualTo(frame.Symbol), frame.Text);
        }
    }

    private static void CheckTruth(SystemBuilder system)
    {
        using JsonDocument truth = JsonDocument.Parse(system.Truth.ToJson());
        Assert.That(truth.RootElement.GetProperty("schema").GetString(), Is.EqualTo("hanganalysis/1"));
        foreach (TruthLink link in system.Truth.Links)
            // Zero stands for what no dump records; locks of programs lie in their own memory.
            if (link.Address != 0)
                Assert.That(link.Address >> 63 != 0
                    ? system.Kernel.Translate(link.Address) is not null
                    : system.Processes.Any(process => process.Space.Translate(link.Address) is not null),
                    $"{link.Kind} {link.Address:x}");
    }
}
