using HangAnalysis.DumpForge.Linux.Files;
using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Linux.Scenarios;
using HangAnalysis.DumpForge.Linux.Systems;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The own reader finds in every forged vmcore what was put in: symbols, types, tasks and each frame.</summary>
public class LinuxForgeWalkTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from scenario in LinuxScenarioSet.All
        where scenario != "many-tasks"
        from layout in LinuxLayout.All
        select new TestCaseData(scenario, layout).SetArgDisplayNames(scenario, layout.Name);

    [TestCaseSource(nameof(Cases))]
    public void Every_frame_of_every_task_is_the_forged_one(string scenario, LinuxLayout layout)
    {
        using Forged forged = new(ForgedVmcore.Make(scenario, layout));
        HangAnalysis.Linux.Symbols.LinuxStack stack = new();
        foreach (TruthTask task in forged.Core.Tasks)
            if (task.Frames.Count > 0)
            {
                string name = $"{task.Comm}/{task.Pid}";
                if (!forged.Walk(task, stack))
                    continue;
                List<(ulong, ulong, string?)> found = [], truth = [];
                foreach (LinuxFrame frame in stack.Frames)
                    if (frame.Kind != LinuxFrameKind.User)
                        found.Add((frame.Slot, frame.InstructionPointer, forged.Name(frame)));
                foreach (TruthFrame frame in task.Frames)
                    truth.Add((frame.Slot, frame.Address, Forged.Name(frame)));
                Assert.That(found, Is.EqualTo(truth), name);
                Assert.That(stack.End, Is.EqualTo(LinuxStackEnd.Complete), name);
            }
    }

    [TestCaseSource(nameof(Cases))]
    public void The_list_of_tasks_is_the_forged_one(string scenario, LinuxLayout layout)
    {
        using Forged forged = new(ForgedVmcore.Make(scenario, layout));
        HashSet<ulong> truth = [.. forged.Core.Tasks.Where(task => task.Pid != 0).Select(task => task.Address)];

        Assert.That(forged.Tasks(), Is.EquivalentTo(truth));
    }

    [Test]
    public void Offsets_of_all_members_are_those_of_the_layout([Values("6.1", "6.12", "odd")] string name)
    {
        LinuxLayout layout = LinuxLayout.Find(name);
        using Forged forged = new(ForgedVmcore.Make("mutex-deadlock", layout));
        Btf types = forged.Symbols.Types;
        (string Type, string Path)[] members =
        [
            ("task_struct", "sched_info.last_arrival"), ("task_struct", "thread.sp"), ("task_struct", "comm"),
            ("mm_struct", "pgd"),
            ("mm_struct", "mmap_lock.wait_list"), ("mutex", "owner"), ("rwsem_waiter", "task"), ("wq_barrier", "done"),
            ("module", "arch.orc_unwind"), ("page", "mapping"), ("folio", "mapping"), ("request", "start_time_ns"),
            ("rq", "clock"),
            ("qspinlock", "locked"), ("printk_info", "text_len"), ("bdev_inode", "vfs_inode"), ("super_block", "s_id"),
        ];
        foreach ((string type, string path) in members)
            Assert.That(types.OffsetOf(type, path), Is.EqualTo(layout.OffsetOf(type, path)), $"{type}.{path}");
        Assert.That(types.SizeOf("task_struct"), Is.EqualTo(layout.SizeOf("task_struct")));
        Assert.That(types.FindMember("task_struct", "in_iowait")?.BitSize, Is.EqualTo(1));
        Assert.That(types.FindMember("task_struct", "in_iowait")?.BitOffset,
            Is.EqualTo(layout.Field("task_struct", "in_iowait").BitOffset));
    }

    /// <summary>No two layouts agree, and none with a real kernel: what is known by heart is wrong somewhere.</summary>
    [Test]
    public void Layouts_differ_from_each_other_and_from_real_kernels()
    {
        // Of Debian's 6.1 and 6.12 (corpus/vmcore, by their BTF).
        (string Type, string Path, int[] Real)[] members =
        [
            ("task_struct", "tasks", [2192, 2224]), ("task_struct", "pid", [2416, 2432]), ("task_struct", "comm", [2976]),
            ("task_struct", "sched_info.last_arrival", [2176, 2208]),
        ];
        foreach ((string type, string path, int[] real) in members)
        {
            int[] offsets = [.. LinuxLayout.All.Select(layout => layout.OffsetOf(type, path))];
            Assert.That(offsets, Is.Unique, path);
            Assert.That(offsets.Intersect(real), Is.Empty, path);
        }
        Assert.That(LinuxLayout.Odd.OffsetOf("mutex", "wait_list"), Is.Not.EqualTo(16));
        Assert.That(LinuxLayout.Odd.OffsetOf("rw_semaphore", "wait_list"), Is.Not.EqualTo(24));
    }

    [Test]
    public void Types_of_a_module_are_in_its_own_BTF()
    {
        using Forged forged = new(ForgedVmcore.Make("fuse-server-stopped", LinuxLayout.Linux61));

        Assert.That(forged.Symbols.Types.FindStruct("fuse_req"), Is.Null);
        HangAnalysis.Linux.Symbols.LinuxModule fuse = forged.Symbols.Modules.All.Single(module => module.Name == "fuse");
        int offset = LinuxLayout.Linux61.OffsetOf("fuse_req", "waitq");
        Assert.That(fuse.Types?.OffsetOf("fuse_req", "waitq"), Is.EqualTo(offset));
        Assert.That(fuse.Find("fuse_dev_operations"), Is.Not.Null);
    }

    [TestCase(VmcoreKind.Kdump, 5), TestCase(VmcoreKind.Flattened, 4), TestCase(VmcoreKind.Flattened, 5),
        TestCase(VmcoreKind.Elf, 4)]
    public void Other_files_and_five_levels_hold_the_same(VmcoreKind kind, int levels)
    {
        LinuxOptions options = new(LinuxLayout.Linux612) { HasFiveLevels = levels == 5 };
        using Forged forged = new(ForgedVmcore.Make("mutex-deadlock", LinuxLayout.Linux612,
            new VmcoreForm { Kind = kind }, options));

        Assert.That(forged.Tasks(), Has.Count.EqualTo(forged.Core.Tasks.Count(task => task.Pid != 0)));
        Assert.That(forged.Symbols.Absent, Is.Empty);
    }

    [Test]
    public void A_file_of_QEMU_without_note_is_read_by_the_text_in_memory()
    {
        VmcoreForm form = new() { HasVmcoreInfo = false, IsFromQemu = true };
        using Forged forged = new(ForgedVmcore.Make("rwsem-writer-stuck", LinuxLayout.Odd, form));

        Assert.That(forged.Target.Info.OsRelease, Is.EqualTo("6.12.99+forged-amd64"));
        Assert.That(forged.Tasks(), Has.Count.EqualTo(forged.Core.Tasks.Count(task => task.Pid != 0)));
    }

    [Test]
    public void Very_many_tasks_have_their_own_structures_and_stacks()
    {
        LinuxOptions options = new(LinuxLayout.Linux61) { Tasks = 1500 };
        using Forged forged = new(ForgedVmcore.Make("many-tasks", LinuxLayout.Linux61, null, options));

        Assert.That(forged.Tasks(), Has.Count.GreaterThan(1500));
        Assert.That(forged.Core.Bytes, Has.Length.LessThan(1_500_000));
    }

    /// <summary>A forged vmcore in a file, open.</summary>
    private sealed class Forged : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("forged-linux").FullName;

        public Forged(ForgedVmcore core)
        {
            Core = core;
            Target = VmcoreTarget.Open(core.Write(_folder, "forged"));
            Symbols = KernelSymbols.Read(Target.KernelMemory, Target.Info);
        }

        public ForgedVmcore Core { get; }

        public VmcoreTarget Target { get; }

        public KernelSymbols Symbols { get; }

        public string? Name(LinuxFrame frame) =>
            Symbols.TryFindFunction(frame.LookupAddress, out LinuxSymbol symbol)
                ? symbol.Module is { } module ? $"{module}:{symbol.Name}" : symbol.Name : null;

        public static string Name(TruthFrame frame) =>
            frame.Module is { } module ? $"{module}:{frame.Function}" : frame.Function;

        public bool Walk(TruthTask task, HangAnalysis.Linux.Symbols.LinuxStack stack)
        {
            ulong bottom = Read(task.Address, "stack");
            if (!task.IsCurrent)
                Symbols.Unwinder.WalkSleeping(Read(task.Address, "thread.sp"), bottom, stack);
            else if (Target.Processors[task.Cpu].Cs % 4 == 3)
                return false;
            else
                Symbols.Unwinder.WalkRunning(Target.Processors[task.Cpu].Context, bottom, stack);
            return true;
        }

        /// <summary>Tasks but the idle ones, by the list of processes and their lists of threads.</summary>
        public List<ulong> Tasks()
        {
            ulong first = Symbols.Find("init_task")!.Value, tasks = Offset("task_struct", "tasks");
            List<ulong> found = [];
            for (ulong task = Read(first, "tasks") - tasks; task != first; task = Read(task, "tasks") - tasks)
            {
                ulong head = Read(task, "signal") + Offset("signal_struct", "thread_head");
                for (ulong node = Word(head); node != head; node = Word(node))
                    found.Add(node - Offset("task_struct", "thread_node"));
            }
            return found;
        }

        public void Dispose()
        {
            Target.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private ulong Offset(string type, string path) => (ulong)Symbols.Types.OffsetOf(type, path)!.Value;

        private ulong Read(ulong task, string path) => Word(task + Offset("task_struct", path));

        private ulong Word(ulong address) => Target.KernelMemory.TryReadUInt64(address, out ulong value)
            ? value : throw new InvalidOperationException($"{address:x} is not there");
    }
}
