using System.Globalization;
using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.Tests.Scenarios;
using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>The lines beside structures say what the scenario says.</summary>
public class StructureLinesTests
{
    [TestCase("6.3.9600")]
    [TestCase("10.0.14393")]
    [TestCase("10.0.22000")]
    public void A_resource_tells_its_owner_and_counts_its_waiters(string layout)
    {
        using ForgedFolder forged = new("eresource-filter", layout);
        using CommandSession session = forged.Open();
        (string owner, string process) = Link(forged.Truth, "thread", 1);

        string? line = new StructureLines(session.Windows.Target).Describe(
            "_ERESOURCE", Address(forged.Truth, "lock"));

        Assert.That(line, Is.EqualTo($"owned exclusively by thread {owner} of {process} c40; 39 exclusive and 0 shared waiters"));
    }

    [Test]
    public void A_message_tells_who_waits_and_who_received_it()
    {
        using ForgedFolder forged = new("alpc-received");
        using CommandSession session = forged.Open();
        (string waiter, string client) = Link(forged.Truth, "thread", 0);
        (string receiver, string server) = Link(forged.Truth, "thread", 1);

        string? line = new StructureLines(session.Windows.Target).Describe(
            "_KALPC_MESSAGE", Address(forged.Truth, "message"));

        Assert.That(line, Does.Match($"^thread {waiter} of {client} [0-9a-f]+ waits for the reply; " +
            $"received by thread {receiver} of {server} [0-9a-f]+$"));
    }

    [Test]
    public void A_thread_is_told_as_the_transcript_of_the_sample_tells_it()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();
        StructureLines lines = new(session.Windows.Target);

        Assert.Multiple(() =>
        {
            Assert.That(lines.Describe("_KTHREAD", 0xffffab06b1b28800), Is.EqualTo("svchost.exe 3a4 Waiting WrLpcReply 1m:25.406"));
            Assert.That(lines.Describe("_EPROCESS", 0xffffab06b8137800), Is.EqualTo("explorer.exe c1c"));
            Assert.That(lines.Describe("_ETHREAD", 0xffffab06b8137800), Is.Null, "a process is no thread");
            Assert.That(lines.Describe("_ETHREAD", 0x1000), Is.Null);
            Assert.That(lines.Describe("_KALPC_MESSAGE", 0xffffffff_fffff000), Is.Null);
        });
    }

    private static ulong Address(JsonElement truth, string kind) =>
        ulong.Parse(Find(truth, kind, 0).GetProperty("address").GetString()!.AsSpan(2), NumberStyles.HexNumber,
            CultureInfo.InvariantCulture);

    private static (string Address, string Process) Link(JsonElement truth, string kind, int index)
    {
        JsonElement link = Find(truth, kind, index);
        return (link.GetProperty("address").GetString()![2..], link.GetProperty("name").GetString()!);
    }

    /// <summary>The link of a kind, by its place among those of the kind in the true chain.</summary>
    private static JsonElement Find(JsonElement truth, string kind, int index) =>
        truth.GetProperty("chains")[0].GetProperty("links").EnumerateArray()
            .Where(l => l.GetProperty("kind").GetString() == kind).ElementAt(index);
}
