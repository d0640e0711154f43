using System.Globalization;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The forged log-off hang against the figures of the published article.</summary>
internal sealed class LogoffHangTests
{
    private const ulong ExplorerThread = 0xffffab06b8121080;
    private SystemBuilder _system = null!;

    [OneTimeSetUp]
    public void Build()
    {
        _system = ScenarioSet.Build("logoff-hang", KernelLayout.BuiltIn("10.0.14393"));
        _system.Finish();
    }

    private ThreadBuilder Thread(ulong address) => _system.Threads.First(thread => thread.Address == address);

    [Test]
    public void Stack_of_explorer_is_the_published_one_to_the_digit()
    {
        string path = SharedMaterial.Require("seeds/001_e1bc695d02428917.txt");
        List<ulong> published = [];
        bool isInside = false;
        foreach (string line in File.ReadLines(path))
        {
            string text = line.Trim();
            if (text.EndsWith("[stats]: ffffab06b8121080", StringComparison.Ordinal))
                isInside = true;
            else if (isInside && text.Length > 17 && text[16] == ' ')
                published.Add(ulong.Parse(text.AsSpan(0, 16), NumberStyles.HexNumber));
            else if (isInside && text.Length > 0)
                break;
        }
        Assert.That(published, Has.Count.EqualTo(29));
        ForgedWalk walk = new(_system);
        Assert.That(walk.Walk(Thread(ExplorerThread)).Select(frame => frame.Address), Is.EqualTo(published));
    }

    [Test]
    public void Child_sp_of_the_frame_after_the_switch_is_0x140_higher()
    {
        IReadOnlyList<ulong> pointers = Thread(ExplorerThread).StackPointers;
        Assert.That(pointers[1] - pointers[0], Is.EqualTo(0x140));
        Assert.That(_system.Kernel.ReadUInt64(pointers[0] + 0x138), Is.EqualTo(0xfffff8035d0d74fd));
    }

    [Test]
    public void Processors_run_their_idle_threads_with_the_published_stack()
    {
        Assert.That(_system.ProcessorStates.Select(processor => processor.Current.Address), Is.EqualTo((ulong[])
            [0xfffff8035d3d5940, 0xffffdf005f631000, 0xffffdf005f6b9000, 0xffffdf005f741000]));
        ForgedWalk walk = new(_system);
        foreach (ProcessorState processor in _system.ProcessorStates)
            Assert.That(walk.Walk(processor.Current).Select(frame => frame.Address), Is.EqualTo((ulong[])
                [0xfffff8035d223ff1, 0xfffff8035d109eac, 0xfffff8035d10903a, 0xfffff8035d17afac]));
        Assert.That(_system.Nt.Contains(0xfffff8035d3d5940), "KiInitialThread lies in the kernel's image");
    }

    [Test]
    public void Idle_threads_have_the_published_counters()
    {
        string[] fields =
        [
            "Cid.UniqueThread", "Tcb.Priority", "Tcb.BasePriority", "Tcb.NextProcessor", "Tcb.ContextSwitches", "Tcb.UserTime",
        ];
        ulong now = _system.Kernel.ReadUInt64(0xfffff78000000320);
        ulong executive = _system.Enum("_KWAIT_REASON", "Executive"), callout = _system.Enum("_KWAIT_REASON", "WrCalloutStack");
        List<string> forged = [];
        foreach (ProcessorState processor in _system.ProcessorStates)
        {
            KernelStruct thread = processor.Current.Struct;
            Assert.That(thread.Get("Tcb.WaitReason"), Is.EqualTo(processor.Number == 1 ? callout : executive));
            string row = string.Join(' ', fields.Select(field => thread.Get(field)));
            forged.Add($"{thread.Address:x16} {row} {thread.Get("Tcb.KernelTime")} {now - thread.Get("Tcb.WaitTime")}");
        }
        IEnumerable<string> expected = Article.Output("!running")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(parts => parts[0] == "Idle")
            .Select(parts => $"{string.Join(' ', parts[2..9])} {Article.Ticks(parts[9])} {Article.Ticks(parts[11])}");
        Assert.That(forged, Has.Count.EqualTo(4).And.EqualTo(expected));
    }

    [Test]
    public void Processes_have_the_published_paths()
    {
        foreach ((ulong address, string path) in ((ulong, string)[])
            [(0xffffab06b8137800, @"\Device\HarddiskVolume1\Windows\explorer.exe"),
            (Thread(0xffffab06b1b28800).Struct.Get("Tcb.Process"), @"\Device\HarddiskVolume1\Windows\System32\svchost.exe")])
        {
            ulong text = _system.Struct("_EPROCESS", address).Get("SeAuditProcessCreationInfo.ImageFileName");
            Assert.That(System.Text.Encoding.Unicode.GetString(
                _system.Kernel.Read(_system.Kernel.ReadUInt64(text + 8), _system.Kernel.ReadUInt16(text))), Is.EqualTo(path));
        }
    }

    [Test]
    public void Ages_are_those_of_the_article()
    {
        // 1:25.406 are 5466 ticks of 15.625 ms; the tick count is that of 1d.00:48:53.796.
        ulong ticks = _system.Kernel.ReadUInt64(0xfffff78000000320);
        Assert.That(ticks, Is.EqualTo(5717363));
        Assert.That(ticks - Thread(0xffffab06b1b28800).Struct.Get("Tcb.WaitTime"), Is.EqualTo(5466));
        ulong waits = ticks - Thread(ExplorerThread).Struct.Get("Tcb.WaitTime");
        Assert.That(waits * 0.015625, Is.EqualTo(84.9).Within(0.01));
    }

    [Test]
    public void Message_lies_in_the_main_queue_of_explorers_port()
    {
        KernelStruct port = _system.Struct("_ALPC_PORT", 0xffffab06b853c540);
        Assert.That(ForgedSystemTests.Ring(_system.Kernel, port.At("MainQueue")),
            Is.EqualTo((ulong[])[0xffffce0e5b04dcf0]));
        Assert.That(port.Get("MainQueueLength"), Is.EqualTo(1));
        Assert.That(port.Get("OwnerProcess"), Is.EqualTo(0xffffab06b8137800));
        KernelStruct message = _system.Struct("_KALPC_MESSAGE", 0xffffce0e5b04dcf0);
        Assert.That(message.Get("ServerThread"), Is.Zero);
        Assert.That(message.Get("WaitingThread"), Is.EqualTo(0xffffab06b1b28800));
    }

    [Test]
    public void Event_lies_inside_the_filter_driver()
    {
        KernelStruct thread = Thread(ExplorerThread).Struct;
        ulong waited = thread.Get("Tcb.WaitBlock[0].Object");
        ForgedModule filter = _system.Modules.ByName("TmXPFlt");
        Assert.That(filter.Contains(waited));
        Assert.That(_system.Kernel.Read(waited, 1)[0], Is.EqualTo(1), "EventSynchronizationObject");
        Assert.That(filter.Base + 0x1bce3, Is.EqualTo(0xfffff8022e82bce3));
        Assert.That(filter.PdbName, Is.Null);
    }

    [Test]
    public void Dump_and_symbols_together_are_small_enough_to_be_given_away()
    {
        string folder = DebianTool.TemporaryFile("logoff-hang");
        ForgedDump.Write(_system, folder);
        long size = new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);
        Assert.That(size, Is.LessThan(6L << 20));
    }

    [Test]
    public void Symbols_name_the_frames_as_printed()
    {
        string folder = DebianTool.TemporaryFile("logoff-symbols");
        Directory.CreateDirectory(folder);
        ForgedDump.WriteSymbols(_system, folder);
        string names = DebianTool.Run("llvm-pdbutil-19", "dump", "-publics", Path.Combine(folder, "netprofmsvc.pdb"));
        Assert.That(names, Does.Contain("ATL::IConnectionPointImpl<CImplINetworkListManager,"
            + "&IID_INotifyNetworkGlobalCostEvents,ATL::CComDynamicUnkArray>::Unadvise"));
        names = DebianTool.Run("llvm-pdbutil-19", "dump", "-publics", Path.Combine(folder, "combase.pdb"));
        Assert.That(names, Does.Contain("CStdIdentity::{dtor}"));
        Assert.That(File.Exists(Path.Combine(folder, "TmXPFlt.pdb")), Is.False);
    }
}
