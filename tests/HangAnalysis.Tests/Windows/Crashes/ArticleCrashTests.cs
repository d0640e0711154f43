using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows.Crashes;

/// <summary>
/// Two published crashes of x86: what their authors read from the debugger by hand stands in <c>!crashwhy -v</c>. Figures are those
/// of the transcripts (seeds 003, of 0xF4, and 004, of 0xD1).
/// </summary>
public class ArticleCrashTests
{
    [TestCase("critical-process", "5.1.2600", "000000f4", "3 82103020 82103194 8060777e")]
    [TestCase("notmyfault", "5.2.3790", "000000d1", "e14c0008 2 0 f799f579")]
    public void Code_and_parameters_are_those_of_the_transcript(string scenario, string layout, string code, string parameters)
    {
        string text = Run(scenario, layout);

        Assert.That(text, Does.Contain($"stop 0x{code.TrimStart('0')} "));
        string[] values = parameters.Split(' ');
        for (int i = 0; i < values.Length; i++)
            Assert.That(text, Does.Match($@"(?m)^(Parameters| {{10}})  {i + 1}  {values[i].PadLeft(8, '0')}  "));
    }

    // Return addresses and places, from the innermost frame on.
    [TestCase("critical-process", "5.1.2600", """
        805396ba nt!KeBugCheckEx+0x1b
        80637e9d nt!PspCatchCriticalBreak+0x75
        8060773c nt!NtTerminateProcess+0x7d
        804df99f nt!KiFastCallEntry+0xfc
        7c93e514 0x7c93e514
        """)]
    [TestCase("notmyfault", "5.2.3790", """
        f799f579 myfault+0x579
        f799f770 myfault+0x770
        f799f7fc myfault+0x7fc
        8081d5a3 nt!IofCallDriver+0x45
        808ed3e1 nt!IopSynchronousServiceTail+0x10b
        808ee169 nt!IopXxxControlFile+0x5e5
        808e6cca nt!NtDeviceIoControlFile+0x2a
        80883908 nt!KiFastCallEntry+0xf8
        7c9685ec ntdll!KiFastSystemCallRet
        7c966fcb ntdll!NtDeviceIoControlFile+0xc
        7c8016f5 kernel32!DeviceIoControl+0x137
        00401a5b NotMyfault+0x1a5b
        77dea24c USER32!ClientFrame+0xe0
        77dea304 USER32!DrawFocusRect+0x40
        77e0d3e2 USER32!xxxBNDrawText+0x3e9
        """)]
    public void The_stack_is_that_of_the_transcript(string scenario, string layout, string frames) =>
        Assert.That(Lines(Run(scenario, layout)), Does.Contain(Lines(frames)));

    [Test]
    public void A_stop_that_the_kernel_calls_for_shows_its_own_registers_and_those_of_the_program()
    {
        string text = Run("critical-process", "5.1.2600");

        string stopped = Section(text, "Stopped at"), called = Section(text, "Called from");
        Assert.Multiple(() =>
        {
            // The command r, and the instruction behind the call of the function that writes the dump.
            Assert.That(stopped, Does.StartWith("Stopped at  nt!KeBugCheckEx+0x1b;"));
            Assert.That(stopped, Does.Match(@"805396ba  5d +pop +ebp"));
            AssertRegisters(stopped, "eax=ffdff13c ebx=82103020 ecx=00000000 edx=00000034 esi=82103020 edi=81c10da8 " +
                "eip=805396ba esp=b1a16ce8 ebp=b1a16d00 efl=00000286");
            // The command .trap.
            Assert.That(called, Does.StartWith("Called from 0x7c93e514; registers: trap frame at b1a16d64; error code 0"));
            AssertRegisters(called, "eax=0012f3b0 ebx=00160050 ecx=00000001 edx=001771b0 esi=0012f428 edi=0012f688 " +
                "eip=7c93e514 esp=0012f3d4 ebp=0012f3e4 efl=00000206");
            Assert.That(text, Does.Contain("csrss.exe"));
        });
    }

    [Test]
    public void A_fault_shows_the_trap_frame_and_the_instruction()
    {
        string text = Run("notmyfault", "5.2.3790");

        string fault = Section(text, "Instruction");
        Assert.Multiple(() =>
        {
            Assert.That(fault, Does.StartWith("Instruction myfault+0x579; registers: trap frame at f3c2db7c"));
            Assert.That(fault, Does.Match(@"=> f799f579  8b08 +mov +ecx,dword ptr \[eax\]"));
            Assert.That(fault, Does.Contain("[eax] = e14c0008").And.Contain("reported: e14c0008; error code 0"));
            AssertRegisters(fault, "eax=e14c0008 ebx=85ec7b88 ecx=3e7f8123 edx=e14a6008 esi=e14a6008 edi=00000000 " +
                "eip=f799f579 esp=f3c2dbf0 ebp=f3c2dbf8 efl=00010282");
            // The trap frame of the system call, by which the program had come.
            Assert.That(Section(text, "Called from"), Does.Contain("trap frame at f3c2dd64").And.Contain("eip=7c9685ec"));
            Assert.That(text, Does.StartWith("FORCED  dump forced with NotMyFault (NotMyfault.exe)"));
        });
    }

    [Test]
    public void Both_are_in_the_JSON()
    {
        using ForgedFolder forged = new("critical-process", KernelLayout.BuiltIn("5.1.2600"));
        using CommandSession session = forged.Open();

        System.Text.Json.JsonElement json = ForgedFolder.RunJson(session, "!crashwhy");

        Assert.That(json.GetProperty("halt").GetProperty("registers").GetProperty("edi").GetString(), Does.EndWith("81c10da8"));
        Assert.That(json.GetProperty("entry").GetProperty("registers").GetProperty("edx").GetString(), Does.EndWith("001771b0"));
    }

    private static void AssertRegisters(string section, string registers)
    {
        foreach (string register in registers.Split(' '))
            Assert.That(section, Does.Contain(register));
    }

    /// <summary>The lines from one that begins with a label to the next empty one.</summary>
    private static string Section(string text, string label)
    {
        int start = text.IndexOf("\n" + label, StringComparison.Ordinal) + 1;
        Assert.That(start, Is.GreaterThan(0), $"{label} in {text}");
        return text[start..text.IndexOf("\n\n", start, StringComparison.Ordinal)];
    }

    private static string Lines(string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim()));

    private static string Run(string scenario, string layout)
    {
        using ForgedFolder forged = new(scenario, KernelLayout.BuiltIn(layout));
        using CommandSession session = forged.Open();
        string text = ForgedFolder.Run(session, "!crashwhy -v").ReplaceLineEndings("\n");
        Assert.That(text.Split('\n'), Has.All.Length.LessThanOrEqualTo(120));
        return text;
    }
}
