using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets;

public class TargetModuleTests
{
    private sealed class NoMemory : IMemory
    {
        public int Read(ulong address, Span<byte> buffer) => 0;
    }

    [TestCase(0x1000UL, true)]
    [TestCase(0x1fffUL, true)]
    [TestCase(0x0fffUL, false)]
    [TestCase(0x2000UL, false)]
    [TestCase(ulong.MaxValue, false)]
    public void An_image_contains_its_addresses_and_no_others(ulong address, bool inside)
    {
        TargetModule module = new()
        {
            Name = "m", FileName = "m.sys", BaseAddress = 0x1000, Size = 0x1000, Memory = new NoMemory(),
        };

        Assert.That(module.Contains(address), Is.EqualTo(inside));
    }
}
