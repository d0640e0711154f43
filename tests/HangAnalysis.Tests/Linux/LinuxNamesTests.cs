using HangAnalysis.Linux;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Names that Linux gives to numbers: of system calls, signals and states, as its headers and man pages have them.</summary>
public class LinuxNamesTests
{
    [TestCase(0UL, "read")]
    [TestCase(16UL, "ioctl")]
    [TestCase(61UL, "wait4")]
    [TestCase(202UL, "futex")]
    [TestCase(231UL, "exit_group")]
    [TestCase(257UL, "openat")]
    [TestCase(313UL, "finit_module")]
    [TestCase(334UL, "rseq")]
    [TestCase(335UL, "uretprobe")]
    [TestCase(336UL, null)]
    [TestCase(423UL, null)]
    [TestCase(424UL, "pidfd_send_signal")]
    [TestCase(449UL, "futex_waitv")]
    [TestCase(462UL, "mseal")]
    [TestCase(469UL, "file_setattr")]
    [TestCase(470UL, null)]
    [TestCase(0x4000_0000UL | 1, "write")]
    [TestCase(ulong.MaxValue, null)]
    public void A_system_call_has_the_name_of_its_number(ulong number, string? name) =>
        Assert.That(SystemCalls.NameOf(number), Is.EqualTo(name));

    [Test]
    public void Signals_have_the_names_of_signal_7()
    {
        ulong set = 1UL << 8 | 1UL << 14 | 1UL << 16 | 1UL << 33;
        Assert.That(SignalNames.List(set), Is.EqualTo("SIGKILL, SIGTERM, SIGCHLD, SIGRT2"));
        Assert.That(SignalNames.NameOf(31), Is.EqualTo("SIGSYS"));
        Assert.That(SignalNames.Names(0), Is.Empty);
    }

    [TestCase("R", "RU")]
    [TestCase("S", "IN")]
    [TestCase("D", "UN")]
    [TestCase("I", "ID")]
    [TestCase("T", "ST")]
    [TestCase("Z", "ZO")]
    public void States_have_the_letters_of_crash(string letter, string crash) =>
        Assert.That(TaskState.CrashLetters(letter), Is.EqualTo(crash));
}
