using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The forged desktop against the figures of the published article, on the kernel that it shows.</summary>
internal sealed class ExplorerDesktopTests
{
    private const ulong ExplorerProcess = 0xffffe00100fda900, MainThread = 0xffffe00101344080;
    private SystemBuilder _system = null!;
    private ProcessBuilder _explorer = null!;

    [OneTimeSetUp]
    public void Build()
    {
        _system = ScenarioSet.Build("explorer-desktop", KernelLayout.BuiltIn("6.3.9600"));
        _system.Finish();
        _explorer = _system.Processes.Single(process => process.Address == ExplorerProcess);
    }

    private ThreadBuilder Main => _system.Threads.Single(thread => thread.Address == MainThread);

    private string Text(ulong unicodeString) => Encoding.Unicode.GetString(_explorer.Space.Read(
        _explorer.Space.ReadUInt64(unicodeString + 8), _explorer.Space.ReadUInt16(unicodeString)));

    [Test]
    public void Threads_are_those_of_the_article_in_its_order()
    {
        List<string> published = Article.Output("!mex.lt ffffe00100fda900");
        ulong link = (ulong)_system.Layout.Offset("_ETHREAD", "ThreadListEntry");
        ulong now = _system.Kernel.ReadUInt64(0xfffff78000000320);
        List<ulong> listed = ForgedSystemTests.Ring(_system.Kernel, _explorer.Struct.At("ThreadListHead"));
        List<string> forged = [];
        foreach (KernelStruct thread in listed.Select(entry => _system.Struct("_ETHREAD", entry - link)))
        {
            Assert.That(thread.Get("Tcb.State"), Is.EqualTo(5), "Waiting");
            Assert.That(thread.Get("Cid.UniqueProcess"), Is.EqualTo(0xc8c));
            ulong ticks = now - thread.Get("Tcb.WaitTime"), reason = thread.Get("Tcb.WaitReason");
            forged.Add($"{thread.Address:x16} {thread.Get("Cid.UniqueThread"):x} {ticks} {reason}");
        }
        // Numbers of KWAIT_REASON (wdm.h).
        Dictionary<string, int> reasons = new() { ["UserRequest"] = 6, ["WrUserRequest"] = 13, ["WrQueue"] = 15 };
        IEnumerable<string> expected = published.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(parts => parts[0] == "explorer.exe")
            .Select(parts => $"{parts[2]} {parts[3]} {Article.Ticks(parts[5])} {reasons[parts[6]]}");
        Assert.That(forged, Has.Count.EqualTo(47).And.EqualTo(expected));
        Assert.That(_explorer.Struct.Get("ActiveThreads"), Is.EqualTo(47));
    }

    [Test]
    public void Stack_of_the_main_thread_is_the_published_one_with_its_stack_pointers()
    {
        List<string[]> published = [.. Article.Output("!mex.fems -s Explorer!.*WinMain !mex.t")
            .SkipWhile(line => !line.StartsWith("# Child-SP", StringComparison.Ordinal)).Skip(1).Take(15)
            .Select(line => line.Split(' ', 4))];
        List<(ulong StackPointer, ulong Address)> walked = new ForgedWalk(_system).Walk(Main);
        Assert.That(walked.Select(frame => frame.StackPointer), Is.EqualTo(published.Select(row => Article.Hex(row[1]))));
        // A frame's return address is where the next frame's code goes on.
        Assert.That(walked.Skip(1).Select(frame => frame.Address),
            Is.EqualTo(published.SkipLast(1).Select(row => Article.Hex(row[2]))));
        Assert.That(Main.Struct.Get("Tcb.StackBase"), Is.EqualTo(0xffffd00021585000));
    }

    [Test]
    public void Main_thread_has_the_published_counters()
    {
        KernelStruct thread = Main.Struct;
        // 5s.641 and 11s.984 in ticks of 15.625 ms.
        Assert.That((thread.Get("Tcb.UserTime"), thread.Get("Tcb.KernelTime")), Is.EqualTo((361ul, 767ul)));
        Assert.That(thread.Get("Tcb.ContextSwitches"), Is.EqualTo(939044));
        Assert.That((thread.Get("Tcb.Priority"), thread.Get("Tcb.BasePriority")), Is.EqualTo((10ul, 8ul)));
        Assert.That(thread.Get("Tcb.PriorityDecrement"), Is.Zero, "decrement and foreground boost");
        Assert.That((thread.Get("ThreadIoPriority"), thread.Get("ThreadPagePriority")), Is.EqualTo((0ul, 5ul)));
        Assert.That(thread.Get("Tcb.Teb"), Is.EqualTo(0x7ff66a12e000));
        ulong block = thread.At("Tcb.WaitBlock"), waited = thread.Get("Tcb.WaitBlock[0].Object");
        Assert.That(waited, Is.EqualTo(0xffffe001005352f0));
        Assert.That(_system.Struct("_DISPATCHER_HEADER", waited).Get("Type"), Is.EqualTo(1), "SynchronizationEvent");
        Assert.That(ForgedSystemTests.Ring(_system.Kernel, waited + 8), Is.EqualTo((ulong[])[block]), "nobody else waits");
    }

    [Test]
    public void Main_thread_is_in_a_single_threaded_apartment_and_workers_are_in_none()
    {
        // TEB.ReservedForOle has been at +1758 in every x64 Windows; the flags of what it points to are at +14.
        ulong ole = _explorer.Space.ReadUInt64(0x7ff66a12e000 + 0x1758);
        Assert.That(_explorer.Space.ReadUInt32(ole + 0x14), Is.EqualTo(0x80));
        ThreadBuilder worker = _system.Threads.Single(thread => thread.Address == 0xffffe001014f9880);
        Assert.That(worker.Teb, Is.Not.Zero);
        Assert.That(worker.ApartmentFlags, Is.Zero);
    }

    [Test]
    public void Process_has_the_published_identity()
    {
        KernelStruct process = _explorer.Struct;
        Assert.That(process.Get("UniqueProcessId"), Is.EqualTo(0xc8c));
        Assert.That(process.Get("InheritedFromUniqueProcessId"), Is.EqualTo(0xdb8));
        Assert.That(process.Get("Peb"), Is.EqualTo(0x7ff66a125000));
        DateTime created = DateTime.FromFileTimeUtc((long)process.Get("CreateTime"));
        Assert.That(created, Is.EqualTo(new DateTime(2017, 7, 10, 8, 39, 8, 606)));
        Assert.That(process.Get("ObjectTable"), Is.EqualTo(0xffffc001ce3e1c80));
        // EX_FAST_REF: the low bits count. S-1-5-21-… is in the name of one of the ports.
        ulong token = process.Get("Token") & ~0xful;
        ulong user = _system.Kernel.ReadUInt64(_system.Struct("_TOKEN", token).Get("UserAndGroups"));
        Assert.That(_system.Kernel.Read(user, 28), Is.EqualTo((byte[])
        [
            1, 5, 0, 0, 0, 0, 0, 5, .. BitConverter.GetBytes(21u), .. BitConverter.GetBytes(2726512140u),
            .. BitConverter.GetBytes(888677503u), .. BitConverter.GetBytes(3125549036u), .. BitConverter.GetBytes(1001u),
        ]));
    }

    [Test]
    public void Process_has_the_published_memory()
    {
        KernelStruct process = _explorer.Struct;
        const double Mega = 1 << 20;
        Assert.That(process.Get("VirtualSize") / Mega / Mega, Is.EqualTo(2).Within(0.01));
        Assert.That(process.Get("PeakVirtualSize") / Mega / Mega, Is.EqualTo(2).Within(0.01));
        Assert.That(process.Get("Vm.WorkingSetSize") * 4096 / Mega, Is.EqualTo(145.94).Within(0.005));
        Assert.That(process.Get("CommitCharge") * 4096 / Mega, Is.EqualTo(58.53).Within(0.005));
        Assert.That(process.Get("ProcessQuotaUsage[1]") / Mega, Is.EqualTo(1.34).Within(0.005));
        Assert.That(process.Get("ProcessQuotaUsage[0]") / 1024.0, Is.EqualTo(91.5));
    }

    [Test]
    public void Environment_names_modules_command_line_and_user()
    {
        const ulong Peb = 0x7ff66a125000;
        ulong loader = _explorer.Space.ReadUInt64(Peb + 0x18), parameters = _explorer.Space.ReadUInt64(Peb + 0x20);
        Assert.That(ForgedSystemTests.Ring(_explorer.Space, loader + 0x10), Has.Count.EqualTo(184));
        Assert.That(Text(parameters + 0x70), Is.EqualTo(@"C:\Windows\Explorer.EXE"));
        int size = (int)_explorer.Space.ReadUInt64(parameters + 0x3f0);
        string block = Encoding.Unicode.GetString(_explorer.Space.Read(_explorer.Space.ReadUInt64(parameters + 0x80), size));
        Assert.That(block, Does.EndWith("\0\0"));
        string[] variables = block.Split('\0');
        Assert.That(variables, Does.Contain("USERNAME=admin").And.Contain("USERDOMAIN=MyPC"));
        Assert.That(variables.TakeWhile(variable => variable.Length > 0),
            Is.Ordered.Using((IComparer<string>)StringComparer.OrdinalIgnoreCase));
    }
}
