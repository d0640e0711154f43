using System.Text.Json;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>What is said of waits whose state the scenario chose, how sure the verdict is, and what is left open.</summary>
[Parallelizable(ParallelScope.Children)]
public class WaitWordsTests
{
    [TestCase("alpc-not-listening", "all 8 threads that serve its port are busy")]
    [TestCase("alpc-pool-on-mutant", "one of the 4 threads that serve the port, all of which wait for the same in the end")]
    [TestCase("alpc-large-message", "it waits for a receiver with a larger buffer")]
    [TestCase("alpc-cancelled", "the message was cancelled, and its sender still waits")]
    [TestCase("alpc-callback-cycle", "reply of its client to ALPC message")]
    [TestCase("alpc-owner-exited", "quietsvc.exe has exited and will not answer")]
    [TestCase("alpc-port-closed", "its port has no owner any more")]
    [TestCase("alpc-connection-pending", "acceptance of connection request")]
    [TestCase("alpc-connection-pending", "and none waits to receive from its port")]
    [TestCase("alpc-four-processes", "lsass.exe waits for an answer from the network (rdbss.sys)")]
    [TestCase("process-end-stuck", "it is being ended, and this thread of it is left")]
    [TestCase("loader-lock", "loader lock ")]
    [TestCase("critsec-orphan", "has no longer")]
    [TestCase("critsec-ambiguous", "its frames name 2")]
    [TestCase("user-pages-absent", "their user-mode pages are not in the dump")]
    [TestCase("server-silent", "though 5 of 5 threads that serve its port are free")]
    public void The_verdict_says_in_which_state_the_wait_is(string scenario, string words)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();

        string text = string.Join(' ', ForgedFolder.Run(session, "!hangwhy").Split((char[])[' ', '\r', '\n'],
            StringSplitOptions.RemoveEmptyEntries));

        Assert.That(text, Does.Contain(words.TrimEnd()));
    }

    [TestCase("alpc-callback-cycle", "high")]
    [TestCase("process-end-stuck", "high")]
    [TestCase("mutant-owner-gone", "high")]
    [TestCase("critsec-deadlock", "medium")]
    [TestCase("critsec-orphan", "medium")]
    [TestCase("alpc-four-processes", "medium")]
    [TestCase("alpc-not-listening", "medium")]
    [TestCase("user-pages-absent", "low")]
    [TestCase("window-message", "low")]
    public void A_verdict_is_as_sure_as_its_weakest_step(string scenario, string confidence)
    {
        using ForgedFolder forged = new(scenario);
        using CommandSession session = forged.Open();

        JsonElement verdict = ForgedFolder.RunJson(session, "!hangwhy").GetProperty("verdict");

        Assert.That(verdict.GetProperty("confidence").GetString(), Is.EqualTo(confidence));
    }

    /// <summary>A program that ends a thread runs the loader's shutdown function; nobody shuts the system down.</summary>
    [Test]
    public void The_end_of_a_thread_is_no_shutdown()
    {
        using ForgedFolder forged = new("loader-lock");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!hangwhy"), Does.Not.Contain("shutdown cannot finish"));
    }
}
