using System.Buffers.Binary;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding.Arm64;

/// <summary>Which instructions of ARM64 are calls. Encodings: llvm-objdump 19.</summary>
public class Arm64CallTests
{
    [TestCase(0x9400048du, true, TestName = "bl forward")]
    [TestCase(0x97fffc00u, true, TestName = "bl backward")]
    [TestCase(0xd63f0100u, true, TestName = "blr x8")]
    [TestCase(0xd63f03c0u, true, TestName = "blr x30")]
    [TestCase(0xd63f091fu, true, TestName = "blraaz x8")]
    [TestCase(0xd73f0d09u, true, TestName = "blrab x8, x9")]
    [TestCase(0x1400048du, false, TestName = "b forward")]
    [TestCase(0xd61f0100u, false, TestName = "br x8")]
    [TestCase(0xd65f03c0u, false, TestName = "ret")]
    [TestCase(0xaa0103e0u, false, TestName = "mov x0, x1")]
    [TestCase(0xd71f0909u, false, TestName = "braa x8, x9")]
    public void A_return_address_stands_behind_a_call(uint instruction, bool isCall)
    {
        Span<byte> before = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(before[4..], instruction);
        Assert.That(ReturnAddressScan.EndsInArm64Call(before), Is.EqualTo(isCall));
    }
}
