using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios.Crashes;

/// <summary>What the records of a stop say when they are damaged or absent: less, and nothing wrong.</summary>
[Parallelizable(ParallelScope.Children)]
public class StopDamageTests
{
    private const string Layout = "10.0.19041";

    [Test]
    public void Parameters_that_lead_nowhere_accuse_nobody_that_they_must_not([ValueSource(nameof(Codes))] uint code)
    {
        CrashFacts crash = Read(StopScenarios.Bare(KernelLayout.BuiltIn(Layout), code,
            0xffff_ffff_ffff_fff8, 0xffff_8000_0000_0001, 0xffff_ab06_b1ff_0000, 0xdead_beef));

        Assert.That(crash.Blame.Module, Is.Null, StopTests.TextOf(crash));
        Assert.That(crash.Blame.Certainty, Is.Not.EqualTo(Certainty.Proven), StopTests.TextOf(crash));
        Assert.That(crash.Parameters.Select(p => p.Name), Has.All.Not.Empty);
    }

    [Test]
    public void An_error_record_that_claims_too_much_is_read_as_far_as_it_goes()
    {
        ForgedStop stop = StopScenarios.Build("stop-124-memory", KernelLayout.BuiltIn(Layout));
        ulong record = stop.System.Options.BugCheckParameters[1];
        stop.System.Kernel.WriteUInt16(record + 0xa, 0xffff);
        stop.System.Kernel.WriteUInt32(record + 0x14, 0xffffffff);

        CrashFacts crash = Read(stop.System);

        Assert.That(crash.Unknown.Select(u => u.Why), Has.Some.Contains("65,535 sections"));
        Assert.That(crash.Blame.Statement, Does.Contain("DIMM_B2"));
    }

    [TestCase(0u, "outside"), TestCase(0xffff_fff0u, "outside")]
    public void A_section_outside_its_record_is_not_read(uint offset, string words)
    {
        ForgedStop stop = StopScenarios.Build("stop-124-memory", KernelLayout.BuiltIn(Layout));
        stop.System.Kernel.WriteUInt32(stop.System.Options.BugCheckParameters[1] + 0x80, offset);

        CrashFacts crash = Read(stop.System);

        Assert.That(crash.Unknown.Select(u => u.Why), Has.Some.Contains(words));
        Assert.That(crash.Blame.Cause, Is.EqualTo(CrashCause.Hardware));
        Assert.That(crash.Blame.Certainty, Is.EqualTo(Certainty.Inferred), "nothing of the record says what is broken");
    }

    [Test]
    public void Another_signature_is_no_record()
    {
        ForgedStop stop = StopScenarios.Build("stop-124-memory", KernelLayout.BuiltIn(Layout));
        stop.System.Kernel.WriteUInt32(stop.System.Options.BugCheckParameters[1], 0x4c4c4f50);

        Assert.That(Read(stop.System).Unknown.Select(u => u.Why), Has.Some.Contains("no 'CPER'"));
    }

    [Test]
    public void A_display_driver_without_its_record_is_still_the_owner()
    {
        ForgedStop stop = StopScenarios.Build("stop-116", KernelLayout.BuiltIn(Layout));
        stop.System.Kernel.WriteUInt32(stop.System.Options.BugCheckParameters[0], 0);

        CrashFacts crash = Read(stop.System);

        Assert.That(crash.Blame.Module!.FileName, Is.EqualTo(stop.Truth.Module));
        Assert.That(crash.Unknown.Select(u => u.Why), Has.Some.Contains("'vTDR'"));
    }

    [Test]
    public void A_cookie_whose_complement_does_not_fit_is_told()
    {
        ForgedStop stop = StopScenarios.Build("stop-f7", KernelLayout.BuiltIn(Layout));
        stop.System.Options.BugCheckParameters[2] ^= 1ul << 13;

        CrashFacts crash = Read(stop.System);

        Assert.That(crash.Blame.Cause, Is.EqualTo(CrashCause.Hardware), "nobody writes to either copy");
        Assert.That(crash.Blame.Statement, Does.Contain("bit 13"));
        Assert.That(crash.Blame.Module, Is.Null);
    }

    [Test]
    public void Every_fast_fail_of_the_header_has_words()
    {
        // FAST_FAIL_LEGACY_GS_VIOLATION 0, FAST_FAIL_INVALID_JUMP_BUFFER 18, FAST_FAIL_INVALID_FLS_DATA 70; 15 to 17 are not used.
        for (ulong code = 0; code <= 70; code++)
            Assert.That(FastFailCodes.Of(code), code is 15 or 16 or 17 ? Is.Null : Is.Not.Empty, $"{code}");
        Assert.That(FastFailCodes.Of(71), Is.Null);
        Assert.That(FastFailCodes.Of(3), Does.Contain("list entry"));
        Assert.That(FastFailCodes.Of(18), Does.Contain("jump buffer"));
        Assert.That(FastFailCodes.Of(29), Does.Contain("balanced tree"));
        Assert.That(FastFailCodes.Of(50), Does.Contain("heap"));
        Assert.That(FastFailCodes.Of(63), Does.Contain("page frame"));
        Assert.That(FastFailCodes.Of(70), Does.Contain("fiber-local"));
    }

    private static IEnumerable<uint> Codes() =>
    [
        0x18, 0x19, 0x1a, 0x24, 0x3d, 0x44, 0x4a, 0x4e, 0x76, 0x77, 0x7a, 0x7b, 0x7f, 0x9c, 0xc1, 0xc2, 0xc4, 0xc6, 0xc9, 0xcb, 0xe6, 0xed,
        0xf7, 0x109, 0x10e, 0x116, 0x117, 0x119, 0x124, 0x127, 0x12b, 0x139, 0x13a, 0x141, 0x154, 0x18b,
    ];

    private static CrashFacts Read(SystemBuilder system)
    {
        using ForgedFolder forged = new(system, DumpKind.Full);
        using CommandSession session = forged.Open();
        return session.Windows.Crash!;
    }
}
