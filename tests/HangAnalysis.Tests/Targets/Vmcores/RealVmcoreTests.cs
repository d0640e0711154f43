using System.Text;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>Real dumps: what crash says of them (crash-sys.txt of each case).</summary>
public class RealVmcoreTests
{
    [TestCase("a-abba-mutex", "6.1.0-56-cloud-amd64", 2)]
    [TestCase("c-null-oops", "6.1.0-56-cloud-amd64", 2)]
    [TestCase("f-kdump-hungtask-panic", "6.1.0-56-cloud-amd64", 2)]
    [TestCase("k612-a-abba-mutex-la57", "6.12.117+deb12-cloud-amd64", 2)]
    public void The_kernels_own_memory_names_its_release(string name, string release, int processors)
    {
        string path = SharedMaterial.Require($"corpus/vmcore/{name}/vmcore");
        Assert.That(VmcoreTarget.IsVmcore(path), Is.True);
        using VmcoreTarget target = VmcoreTarget.Open(path);
        Assert.That(target.Description.Damage, Is.Empty);
        Assert.That(target.Description.OperatingSystem, Is.EqualTo($"Linux {release}"));
        Assert.That(target.Description.ProcessorCount, Is.EqualTo(processors));
        Assert.That(target.Processors, Has.Count.EqualTo(processors));

        Assert.That(target.Info.TryGetSymbol("init_uts_ns", out ulong address), Is.True);
        Assert.That(target.Info.TryGetOffset("uts_namespace.name", out int offset), Is.True);
        byte[] names = new byte[6 * 65];
        Assert.That(target.KernelMemory.Read(address + (ulong)offset, names), Is.EqualTo(names.Length));
        Assert.That(Encoding.ASCII.GetString(names, 2 * 65, 65).TrimEnd('\0'), Is.EqualTo(release));
        Assert.That(Encoding.ASCII.GetString(names, 4 * 65, 65).TrimEnd('\0'), Is.EqualTo("x86_64"));
    }

    /// <summary>Counted by another program (facts/linux-vmcore.md, 2).</summary>
    [Test]
    public void Pages_of_a_kdump_are_stored_and_packed_as_counted_and_each_can_be_read()
    {
        string path = SharedMaterial.Require("corpus/vmcore/f-kdump-hungtask-panic/vmcore");
        using DumpFile file = DumpFile.Open(path);
        KdumpPart part = new(file, KdumpHeader.Read(file, path));
        VmcoreDamage damage = new();
        KdumpMemory memory = new([part], damage);
        Dictionary<uint, int> counts = [];
        byte[] page = new byte[4096];
        for (ulong number = part.Next(0); number < part.EndPage; number = part.Next(number + 1))
        {
            Assert.That(part.TryGetIndex(number, out ulong index), Is.True);
            Assert.That(part.TryReadDescriptor(index, out PageDescriptor descriptor), Is.True);
            Assert.That(memory.Read(number * 4096, page), Is.EqualTo(4096));
            counts[descriptor.Flags] = counts.GetValueOrDefault(descriptor.Flags) + 1;
        }
        Assert.That(counts, Is.EquivalentTo(new Dictionary<uint, int> { [0] = 2388, [1] = 14454 }));
        Assert.That(part.Total, Is.EqualTo(2388 + 14454));
        Assert.That(damage, Is.Empty);
    }

    /// <summary>
    /// The crash kernel's notes have the task's number, 29 of khungtaskd and 0 of an idle one; QEMU's count from 1.
    /// </summary>
    [TestCase("f-kdump-hungtask-panic", 31, new uint[] { 29, 0 })]
    [TestCase("a-abba-mutex", 1, new uint[] { 1, 2 })]
    public void Notes_have_the_registers_of_kernel_code(string name, int level, uint[] pids)
    {
        using VmcoreTarget target = VmcoreTarget.Open(SharedMaterial.Require($"corpus/vmcore/{name}/vmcore"));
        Assert.That(target.DumpLevel, Is.EqualTo(level));
        Assert.That(target.Processors.Select(p => p.Pid), Is.EquivalentTo(pids));
        Assert.That(target.Info.TryGetSymbol("_stext", out ulong text), Is.True);
        foreach (VmcoreProcessor processor in target.Processors)
        {
            // Kernel mode, by its code segment (__KERNEL_CS) and an address in the 32 MB from _stext on.
            Assert.That(processor.Cs, Is.EqualTo(0x10));
            Assert.That(processor.Context.InstructionPointer - text, Is.LessThan(32 << 20));
            Assert.That(target.KernelMemory.Read(processor.Context.StackPointer, new byte[8]), Is.EqualTo(8));
        }
    }
}
