using HangAnalysis.Targets;
using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>
/// What the parameters of bug checks say. Cases are the examples of Microsoft's reference, and parameters that real dumps had.
/// </summary>
public class BugCheckMeaningTests
{
    [TestCase(0xf7u, "f7a1, 2b992ddfa232, ffffd466d2205dcd, 0", "holds f7a1 and not 2b992ddfa232")]
    [TestCase(0x7fu, "8, 0, 0, 0", "double fault")]
    [TestCase(0x7fu, "ff, 0, 0, 0", "trap ff")]
    [TestCase(0x139u, "3, 0, 0, 0", "fail fast 3: a LIST_ENTRY is corrupt")]
    [TestCase(0x1au, "41792, fffff68000001234, 2000000000, 0", "bit 37 alone")]
    [TestCase(0x1au, "41792, fffff68000001234, 2000000001, 0", "is corrupt: it holds 2000000001")]
    [TestCase(0x1au, "5100, 0, 0, 0", "case 5100")]
    [TestCase(0x7au, "1, c0000185, 0, 0", "STATUS_IO_DEVICE_ERROR")]
    [TestCase(0xefu, "ffffe00012345080, 0, 0, 0", "a process that the system cannot do without ended: ffffe00012345080")]
    [TestCase(0xf4u, "6, ffffe00012345080, 0, 0", "a thread that the system cannot do without ended: ffffe00012345080")]
    [TestCase(0x9fu, "3, ffffe00012345080, fffff80012345678, ffffe00087654321", "IRP ffffe00087654321")]
    [TestCase(0x9fu, "4, 12c, ffffe00012345080, 0", "waited 300 s")]
    [TestCase(0x101u, "18, 0, ffffd00020480180, 3", "processor 3 has not answered for 24 ticks")]
    [TestCase(0x133u, "0, 501, 500, 0", "ran for 1,281 ticks, 1,280 are allowed")]
    [TestCase(0x133u, "1, 1e00, 0, 0", "for 7,680 ticks in all")]
    [TestCase(0x124u, "0, ffffe00012345028, be000000, 800400", "a machine check; its record is at ffffe00012345028")]
    [TestCase(0xd5u, "ffffcf8012345000, 0, fffff80012345678, 0", "freed before, by the instruction at fffff80012345678")]
    public void The_parameters_are_told_in_words(uint code, string parameters, string words)
    {
        ulong[] values = [.. parameters.Split(", ").Select(v => Convert.ToUInt64(v, 16))];

        Assert.That(BugChecks.Describe(new BugCheck(code, values))!.Meaning, Does.Contain(words));
    }

    [TestCase(0xd1u, "0, 2, 0, fffff80012345678", 0xfffff80012345678)]
    [TestCase(0x50u, "0, 0, fffff80012345678, 0", 0xfffff80012345678)]
    [TestCase(0xd5u, "0, 0, fffff80012345678, 0", 0xfffff80012345678)]
    [TestCase(0xefu, "ffffe00012345080, 0, 0, 0", 0ul)]
    public void The_parameter_that_is_the_instruction_is_known(uint code, string parameters, ulong instruction)
    {
        ulong[] values = [.. parameters.Split(", ").Select(v => Convert.ToUInt64(v, 16))];

        Assert.That(BugChecks.Describe(new BugCheck(code, values))!.FaultAddress, Is.EqualTo(instruction));
    }

    [Test]
    public void A_code_of_which_nothing_is_known_has_no_words() =>
        Assert.That(BugChecks.Describe(new BugCheck(0x1234, [1, 2, 3, 4]))!.Meaning, Is.Null);
}
