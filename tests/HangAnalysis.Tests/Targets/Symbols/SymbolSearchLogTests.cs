using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public class SymbolSearchLogTests
{
    private static readonly PdbIdentity s_wanted =
        new("ntkrnlmp.pdb", Guid.Parse("3844DBB9-2017-4967-BE7A-A4A2C20430FA"), 2);

    [Test]
    public void Each_refusal_is_a_line_that_says_where_and_why()
    {
        SymbolSearchLog log = new(s_wanted);
        log.NotFound("/symbols");
        log.Mismatch("/other/ntkrnlmp.pdb", s_wanted with { Age = 0x1f });
        log.Mismatch("/other/ntoskrnl.exe", 0x4CE7951A, 0x5EA000);
        log.Damaged("/bad/ntkrnlmp.pdb", "no MSF header");
        log.ServerError("http://server/sym", "status 500 Oops");

        Assert.That(log.Wanted, Is.EqualTo("ntkrnlmp.pdb 3844DBB920174967BE7AA4A2C20430FA2"));
        Assert.That(log.Lines, Is.EqualTo(new[]
        {
            "/symbols: not found",
            "/other/ntkrnlmp.pdb: mismatch: its GUID and age are 3844DBB920174967BE7AA4A2C20430FA1F",
            "/other/ntoskrnl.exe: mismatch: its time stamp is 4CE7951A and its size 5ea000",
            "/bad/ntkrnlmp.pdb: damaged: no MSF header",
            "http://server/sym: server error: status 500 Oops",
        }));
    }

    [Test]
    public void A_line_has_at_most_120_columns_and_no_control_characters()
    {
        SymbolSearchLog log = new(new string('n', 300), new string('1', 300));
        string hostile = string.Concat(Enumerable.Repeat("a\r\n\u001b[2J\u202e\ud83d\ude00\ud83d/", 100));
        log.Damaged(hostile, hostile);
        log.Declined(hostile, "");
        log.Declined("", hostile);
        log.Mismatch(hostile, s_wanted);

        foreach (string line in log.Lines.Append(log.Wanted))
        {
            Assert.That(line, Has.Length.LessThanOrEqualTo(120));
            Assert.That(line.Any(c => char.IsControl(c) || c == '\u202e'), Is.False);
            Assert.That(line.IsNormalized(), Is.True, "no half of a surrogate pair");
        }
        Assert.That(log.Lines[3], Does.EndWith(s_wanted.StoreFolder));
    }

    [Test]
    public void A_log_does_not_grow_without_bound()
    {
        SymbolSearchLog log = new("x.pdb");
        for (int i = 0; i < 10_000; i++)
            log.NotFound("/x");

        Assert.That(log.Lines, Has.Count.EqualTo(501));
    }
}
