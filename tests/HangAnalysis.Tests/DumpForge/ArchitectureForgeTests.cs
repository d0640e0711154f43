using System.Buffers.Binary;
using System.Text;
using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>
/// Dumps of x86 and ARM64, read here by nothing but their published formats. That debuggers read them is a test of the engine
/// tests.
/// </summary>
internal sealed class ArchitectureForgeTests
{
    [TestCase("5.2.3790", true)]
    [TestCase("5.2.3790", false)]
    [TestCase("x86:10.0.19041", true)]
    public void Page_tables_of_x86_lead_from_the_header_to_the_processes(string layout, bool hasPae)
    {
        KernelLayout types = KernelLayout.BuiltIn(layout);
        SystemBuilder system = ScenarioSet.Build("mutant-deadlock", hasPae ? types : types.WithoutPae());
        byte[] dump = Write(system, DumpKind.Full);
        Assert.That(Encoding.ASCII.GetString(dump, 0, 8), Is.EqualTo("PAGEDUMP"));
        Assert.That(U32(dump, 0x20), Is.EqualTo(0x14c), "machine");
        Assert.That(U32(dump, 0xf88), Is.EqualTo(1), "full dump");
        Assert.That(dump[0x5c], Is.EqualTo(hasPae ? 1 : 0));

        byte[] data = Read(dump, U32(dump, 0x60), 0x60);
        Assert.That(Encoding.ASCII.GetString(data, 0x10, 4), Is.EqualTo("KDBG"));
        uint head = U32(data, 0x50);
        Assert.That(head, Is.EqualTo(U32(dump, 0x1c)));
        List<string> names = [];
        for (uint entry = U32(Read(dump, head, 4), 0); entry != head && names.Count < 1000; entry = U32(Read(dump, entry, 4), 0))
        {
            uint process = entry - (uint)types.Offset("_EPROCESS", "ActiveProcessLinks");
            byte[] name = Read(dump, process + (uint)types.Offset("_EPROCESS", "ImageFileName"), 16);
            names.Add(Encoding.Latin1.GetString(name).TrimEnd('\0'));
        }
        string cut(string name) => name.Length > 14 ? name[..14] : name;
        Assert.That(names, Is.EqualTo(system.Processes.Where(p => p.Pid != 0).Select(p => cut(p.Name))));
    }

    [Test]
    public void A_waiting_thread_of_x86_returns_through_its_frames()
    {
        SystemBuilder system = ScenarioSet.Build("mutant-deadlock", KernelLayout.BuiltIn("x86:6.1.7601"));
        byte[] dump = Write(system, DumpKind.Full);
        ThreadBuilder thread = system.Threads.First(t => t.Tid == system.Truth.Links[0].Tid);
        StackFrame[] frames = thread.Frames!.Kernel;
        Assert.That(frames[0].Symbol, Is.EqualTo("KiSwapContext"));
        uint kernelStack = U32(Read(dump, (uint)thread.Struct.At("Tcb.KernelStack"), 4), 0);
        // {exception list, APC bypass, return}, EBP, EDI, ESI, EBX, return.
        byte[] stack = Read(dump, kernelStack, 0x20);
        Assert.That(U32(stack, 8), Is.EqualTo((uint)frames[0].Address));
        Assert.That(U32(stack, 0x1c), Is.EqualTo((uint)frames[1].Address));
        Assert.That(thread.StackPointers[0], Is.EqualTo(kernelStack + 0xc));
        int linked = 0;
        for (int i = 1; i < frames.Length; i++)
        {
            if (frames[i].Frame is not X86Frame { HasFramePointer: true })
                continue;
            byte[] link = Read(dump, (uint)thread.FramePointers[i], 8);
            ulong next = i + 1 < frames.Length ? frames[i + 1].Address : thread.Frames.SystemCall!.Address;
            Assert.That(U32(link, 4), Is.EqualTo((uint)next), frames[i].Text);
            Assert.That(U32(link, 0), Is.EqualTo((uint)thread.FramePointers[i + 1]), frames[i].Text);
            linked++;
        }
        Assert.That(linked, Is.GreaterThan(2));
        // The last one is that of the system call: EBP is the trap frame, with the registers of user mode.
        uint trap = (uint)thread.FramePointers[frames.Length];
        KernelLayout types = system.Layout;
        byte[] frame = Read(dump, trap, types.Size("_KTRAP_FRAME"));
        Assert.That(U32(frame, types.Offset("_KTRAP_FRAME", "Eip")), Is.EqualTo((uint)thread.Frames.User[0].Address));
        Assert.That(U32(frame, types.Offset("_KTRAP_FRAME", "SegCs")), Is.EqualTo(0x1b));
        Assert.That(thread.Frames.User[0].Symbol, Is.EqualTo("KiFastSystemCallRet"));
    }

    // How the debugger engine's .fnent took such a record apart: two pairs of registers, FP and LR, and their order back.
    [Test]
    public void Unwind_data_of_arm64_are_those_that_the_engine_reads()
    {
        byte[] data = new Arm64Frame(Arm64FrameKind.Saving, 0x90).UnwindData(0x394);
        Assert.That(Enumerable.Range(0, data.Length / 4).Select(i => U32(data, 4 * i)),
            Is.EqualTo((uint[])[0x21e000e5, 0x82c88de1, 0x8de403cc, 0x03cc82c8, 0xe3e3e3e4]));
        byte[] code = new Arm64Frame(Arm64FrameKind.Saving, 0x90).Code(0x4600, 0x394);
        // stp x19,x20,[sp,#-0x20]!; stp x21,x22,[sp,#0x10]; stp fp,lr,[sp,#-0x70]!; mov fp,sp
        Assert.That(Enumerable.Range(0, 4).Select(i => U32(code, 4 * i)),
            Is.EqualTo((uint[])[0xa9be53f3, 0xa9015bf5, 0xa9b97bfd, 0x910003fd]));
    }

    // The figures were measured in a real small dump of ARM64.
    [TestCase("_KTHREAD", "ApcState.Process", 0xb0)]
    [TestCase("_KTHREAD", "Teb", 0xe8)]
    [TestCase("_KTHREAD", "State", 0x17c)]
    [TestCase("_KTHREAD", "QueueListEntry", 0x200)]
    [TestCase("_KTHREAD", "NextProcessor", 0x238)]
    [TestCase("_KTHREAD", "WaitReason", 0x2a3)]
    [TestCase("_KTHREAD", "ReadOperationCount", 0x3a0)]
    [TestCase("_ETHREAD", "CreateTime", 0x4a0)]
    [TestCase("_ETHREAD", "Cid", 0x4e8)]
    [TestCase("_EPROCESS", "UniqueProcessId", 0x3f8)]
    [TestCase("_EPROCESS", "InheritedFromUniqueProcessId", 0x4f8)]
    [TestCase("_EPROCESS", "Peb", 0x508)]
    [TestCase("_EPROCESS", "ObjectTable", 0x528)]
    [TestCase("_EPROCESS", "ImageFileName", 0x560)]
    [TestCase("_KPRCB", "ProcessorState.ContextFrame", 0x360)]
    [TestCase("_KPRCB", "DpcRoutineActive", 0xb1a)]
    [TestCase("_KPRCB", "VendorString", 0x890)]
    public void Known_offsets_of_arm64_hold(string type, string path, int offset) =>
        Assert.That(KernelLayout.BuiltIn("arm64:22000").Offset(type, path), Is.EqualTo(offset));

    [TestCase("5.2.3790", "x86", "5.2.3790.3959", 4)]
    [TestCase("x86:10.0.19041", "x86", "10.0.19041", 4)]
    [TestCase("x86:19041", "x86", "10.0.19041", 4)]
    [TestCase("10.0.19041", "x64", "10.0.19041.3570", 8)]
    [TestCase("arm64:22000", "arm64", "10.0.22000.2538", 8)]
    [TestCase("22000", "x64", "10.0.22000.2538", 8)]
    public void Names_of_layouts_are_unambiguous(string name, string machine, string version, int pointer)
    {
        KernelLayout layout = KernelLayout.BuiltIn(name);
        Assert.That((layout.Identity.Machine, layout.Version, layout.PointerSize), Is.EqualTo((machine, version, pointer)));
        Assert.That(layout.Size("_LIST_ENTRY"), Is.EqualTo(2 * pointer));
    }

    [Test]
    public void Layouts_of_x86_equal_the_files_that_they_were_made_from()
    {
        string folder = SharedMaterial.Require("layouts");
        foreach (string name in KernelLayout.BuiltInNames.Where(n => n.StartsWith("x86:", StringComparison.Ordinal)))
        {
            KernelLayout builtIn = KernelLayout.BuiltIn(name);
            KernelLayout file = KernelLayout.Load(Path.Combine(folder, $"nt-x86-{builtIn.Version}.json"));
            foreach ((string typeName, TypeDefinition type) in builtIn.Types)
                Assert.That(type.Fields.Select(f => (f.Name, f.Offset, f.TypeText)),
                    Is.EqualTo(file.Types[typeName].Fields.Select(f => (f.Name, f.Offset, f.TypeText))), $"{name} {typeName}");
        }
    }

    // What cannot be said on another architecture is not half built: addresses of 64 bits, and on ARM64 trap frames.
    [TestCase("x86:6.1.7601", "logoff-hang hostile-names explorer-desktop unique-stacks")]
    [TestCase("arm64:22000", "logoff-hang hostile-names explorer-desktop unique-stacks spinlock-deadlock spinlock-held "
        + "spinlock-queued spinlock-instack long-dpc realtime-starvation busy-server slow-owner debugger-break crash-triage "
        + "smb1-attack ready-queues")]
    public void Every_other_scenario_can_be_built(string layout, string leftOut)
    {
        List<string> missing = [];
        foreach (string scenario in ScenarioSet.Names.Where(n => !n.StartsWith("threads-", StringComparison.Ordinal)
            && !n.StartsWith("locks-", StringComparison.Ordinal)))
            try
            {
                ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout)).Finish();
            }
            catch (Exception error) when (error is ArgumentException or KeyNotFoundException)
            {
                missing.Add(scenario);
            }
        Assert.That(missing, Is.EquivalentTo(leftOut.Split(' ')));
    }

    [Test]
    public void A_small_dump_of_x86_says_where_its_parts_are()
    {
        SystemBuilder system = ScenarioSet.Build("crash-triage", KernelLayout.BuiltIn("x86:6.1.7601"));
        byte[] dump = Write(system, DumpKind.Triage);
        uint part(int number) => U32(dump, 0x1000 + 4 * number);
        Assert.That(U32(dump, 0xf88), Is.EqualTo(4));
        Assert.That(part(1), Is.EqualTo((uint)dump.Length));
        Assert.That(Encoding.ASCII.GetString(dump, (int)part(2), 4), Is.EqualTo("TRGD"));
        Assert.That(part(18), Is.EqualTo((uint)system.ProcessorStates[0].Current.StackPointers[0]), "top of the stack");
        // TRIAGE_DUMP32: driver entries of 4C bytes, a KLDR_DATA_TABLE_ENTRY32 behind a number.
        ForgedModule[] drivers = [.. system.Modules.Drivers];
        Assert.That(part(13), Is.EqualTo((uint)drivers.Length));
        for (int i = 0; i < drivers.Length; i++)
        {
            int entry = (int)part(12) + 0x4c * i;
            Assert.That(U32(dump, entry + 0x1c), Is.EqualTo((uint)drivers[i].Base));
            Assert.That(U32(dump, entry + 0x48), Is.EqualTo(drivers[i].TimeDateStamp));
            int name = (int)U32(dump, entry), length = (int)U32(dump, name);
            Assert.That(Encoding.Unicode.GetString(dump, name + 4, 2 * length), Is.EqualTo(drivers[i].FileName));
        }
        Assert.That(Encoding.ASCII.GetString(dump, (int)part(22) + 0x10, 4), Is.EqualTo("KDBG"));
    }

    private static byte[] Write(SystemBuilder system, DumpKind kind)
    {
        using MemoryStream stream = new();
        ForgedDump.WriteDump(system, stream, kind);
        return stream.ToArray();
    }

    // Reads memory by the page tables of x86: four entries of 1 GB, or two levels of entries of 4 bytes (Intel SDM volume 3).
    private static byte[] Read(byte[] dump, uint address, int count)
    {
        byte[] result = new byte[count];
        for (int i = 0; i < count; i++)
            result[i] = dump[FileOffset(dump, address + (uint)i)];
        return result;
    }

    private static int FileOffset(byte[] dump, uint address)
    {
        ulong entry = U32(dump, 0x10);
        bool isWide = dump[0x5c] != 0;
        foreach (int shift in isWide ? (int[])[30, 21, 12] : [22, 12])
        {
            int index = (int)(address >> shift) & (shift == 30 ? 3 : isWide ? 0x1ff : 0x3ff);
            int at = PhysicalOffset(dump, entry & 0xffffff000) + index * (isWide ? 8 : 4);
            entry = isWide ? BinaryPrimitives.ReadUInt64LittleEndian(dump.AsSpan(at)) : U32(dump, at);
            Assert.That(entry & 1, Is.EqualTo(1), $"{address:x} is not present");
        }
        return PhysicalOffset(dump, (entry & 0xffffff000) + (address & 0xfff));
    }

    private static int PhysicalOffset(byte[] dump, ulong physical)
    {
        ulong page = physical >> 12, before = 0;
        for (int run = 0; run < U32(dump, 0x64); run++)
        {
            uint first = U32(dump, 0x6c + 8 * run), count = U32(dump, 0x70 + 8 * run);
            if (page - first < count)
                return 0x1000 + (int)((before + page - first) << 12 | physical & 0xfff);
            before += count;
        }
        throw new AssertionException($"page {page:x} is not in the dump");
    }

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));
}
