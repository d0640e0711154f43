using HangAnalysis.Cli.Prompting;
using HangAnalysis.Commands;
using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>Which links of an output get which numbers.</summary>
public class OutputLinksTests
{
    private static readonly Span s_process = new("explorer.exe c1c", Tone.Normal, "!us -p ffffab06b8137800");

    [Test]
    public void Proposed_commands_come_first_and_each_command_once()
    {
        OutputLinks links = Of(s_process, new Span("ffffab06b1b28800", Tone.Normal, "!lpcchain ffffab06b1b28800"), s_process,
            new Span("!mods TmXPFlt", Tone.Normal, "!mods TmXPFlt"),
            new Span("!us -p ffffab06b8137800", Tone.Normal, "!us -p ffffab06b8137800"));

        Assert.That(Enumerable.Range(1, links.Count).Select(n => links.Find(n)!.Value.Command), Is.EqualTo(new[]
        {
            "!mods TmXPFlt", "!us -p ffffab06b8137800", "!lpcchain ffffab06b1b28800",
        }));
        Assert.That(links.Find(2)!.Value.Text, Is.EqualTo("explorer.exe c1c"), "the text says what the command is about");
        Assert.That(links.Find(0), Is.Null);
        Assert.That(links.Find(4), Is.Null);
    }

    [Test]
    public void Commands_of_a_debugger_are_no_links_here()
    {
        OutputLinks links = Of(new Span("x", Tone.Normal, "dt nt!_KTHREAD 0xffffab06b1b28800"),
            new Span("x", Tone.Normal, "!process 0 0"), new Span("x", Tone.Normal, "!us; .shell"), new Span("x"));

        Assert.That(links.Count, Is.Zero);
        Assert.That(links.Describe(120), Is.Empty);
    }

    [Test]
    public void The_line_of_links_fits_and_says_how_many_there_are()
    {
        OutputLinks few = Of(s_process);
        Assert.That(few.Describe(120), Is.EqualTo("go 1 !us -p ffffab06b8137800"));

        OutputLinks many = Of([.. Enumerable.Range(0, 2000).Select(i => new Span("x", Tone.Normal, $"!lpcchain {i:x16}"))]);
        Assert.That(many.Count, Is.EqualTo(OutputLinks.MostLinks));
        Assert.That(many.Describe(120), Has.Length.LessThanOrEqualTo(120)
            .And.StartWith("go 1 !lpcchain 0000000000000000 · 2 !lpcchain 0000000000000001 · ")
            .And.EndWith(" · go lists all 999"));
        Assert.That(many.Describe(20), Is.EqualTo("go lists 999 links"));
    }

    private static OutputLinks Of(params Span[] spans)
    {
        OutputLinks links = new(CommandTable.Windows);
        foreach (Span span in spans)
            links.Note(span);
        return links;
    }
}
