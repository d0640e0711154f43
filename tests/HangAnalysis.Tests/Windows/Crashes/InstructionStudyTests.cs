using HangAnalysis.Targets.Code;
using HangAnalysis.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>Instructions whose bytes, operands and addresses follow from the processor's manual.</summary>
public class InstructionStudyTests
{
    private const ulong At = 0xfffff80240001514;

    // mov rax,qword ptr [rsi+8]; cmp byte ptr [rcx+29h],5; mov r12,[rsp+0F0h]; mov eax,[rbx+r9*4-10h]; mov rax,gs:[188h]; ret.
    [TestCase("488b4608", "[rsi+8]", 0x1008UL, 8, false)]
    [TestCase("80792905", "[rcx+29h]", 0x2029UL, 1, false)]
    [TestCase("4c8ba424f0000000", "[rsp+0F0h]", 0x40f0UL, 8, false)]
    [TestCase("428b448bf0", "[rbx+r9*4-10h]", 0x3000UL + 4 * 0x9000 - 0x10, 4, false)]
    [TestCase("48894610", "[rsi+10h]", 0x1010UL, 8, true)]
    public void The_address_is_what_the_registers_make(string code, string text, ulong address, int bytes, bool isWrite)
    {
        MemoryOperand operand = Study(code).Memory[0];

        Assert.That((operand.Text, operand.Address, operand.Bytes, operand.IsWrite), Is.EqualTo((text, (ulong?)address, bytes, isWrite)));
    }

    [Test]
    public void What_hangs_on_the_base_of_a_segment_or_on_an_unknown_register_has_no_address()
    {
        Assert.That(Study("65488b042588010000").Memory[0], Is.EqualTo(new MemoryOperand("gs:[188h]", null, true, false, 8)));
        Assert.That(InstructionStudy.Of([0x48, 0x8b, 0x46, 0x08], At, 64, _ => null)!.Memory[0].Address, Is.Null);
    }

    [Test]
    public void An_address_of_32_bits_wraps_at_4_gb()
    {
        // mov eax,dword ptr [esi+8]
        InstructionStudy study = InstructionStudy.Of([0x8b, 0x46, 0x08], 0x80001000, 32, _ => 0xfffffffc)!;

        Assert.That(study.Memory[0], Is.EqualTo(new MemoryOperand("[esi+8]", 4, true, false, 4)));
    }

    [TestCase("cc", StopInstruction.Breakpoint)]
    [TestCase("0f0b", StopInstruction.Undefined)]
    [TestCase("cd29", StopInstruction.FailFast)]
    [TestCase("90", StopInstruction.None)]
    public void Instructions_that_stop_are_told(string code, StopInstruction stop) => Assert.That(Study(code).Stop, Is.EqualTo(stop));

    [Test]
    public void An_instruction_names_what_it_needs()
    {
        Assert.That(Study("f30fb8d8").Features, Is.EqualTo(["POPCNT"]));
        // A LOCK prefix before an instruction that takes none.
        Assert.That(InstructionStudy.Of(Convert.FromHexString("f04803c1"), At, 64, _ => 0), Is.Null);
    }

    // The contradictions of one broken machine, and what is none.
    [TestCase("4c8ba424f0000000", 0xf025UL, false)]
    [TestCase("4c8ba424f0000000", 0x40f0UL, true)]
    // The last byte of the eight lies in the next page; the ninth is none of it.
    [TestCase("4c8ba424f0000000", 0x40f7UL, true)]
    [TestCase("4c8ba424f0000000", 0x40f8UL, false)]
    // The instruction itself could not be fetched.
    [TestCase("488b4608", At, true)]
    [TestCase("90", 0x29UL, false)]
    // A general protection fault names no address.
    [TestCase("488b4608", ulong.MaxValue, null)]
    // lgdt, iretq, rep movsb and mov ds,eax access more than their operands name.
    [TestCase("0f0111", 0x29UL, null)]
    [TestCase("48cf", 0x29UL, null)]
    [TestCase("f3a4", 0xf025UL, null)]
    [TestCase("8ed8", 0x29UL, null)]
    // The base of GS is not known.
    [TestCase("65488b042588010000", 0x29UL, null)]
    public void A_reported_address_is_possible_or_not(string code, ulong reported, bool? possible) =>
        Assert.That(HardwareTests.Explains(Study(code), At, reported), Is.EqualTo(possible));

    /// <summary>Registers: rcx 2000, rbx 3000, rsp 4000, rsi 1000, r9 9000.</summary>
    private static InstructionStudy Study(string code) => InstructionStudy.Of(Convert.FromHexString(code), At, 64, index => index switch
    {
        1 => 0x2000,
        3 => 0x3000,
        4 => 0x4000,
        6 => 0x1000,
        9 => 0x9000,
        _ => 0UL,
    })!;
}
