using System.Text;
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
}
