using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges threads with one stack: how many and which, and the stack.</summary>
internal static class StackGroupDocument
{
    private const int MostLinks = 10;

    /// <summary>A group: its threads, its frames, and an empty line.</summary>
    /// <param name="system">Names the frames.</param>
    /// <param name="group">The group.</param>
    /// <param name="scope">Options that choose the threads again, for a link to figures of them; null for no link.</param>
    public static Document Arrange(ISystemFacts system, StackGroup group, string? scope)
    {
        int count = group.Threads.Count;
        string threads = $"{count:N0} thread{(count == 1 ? "" : "s")}";
        List<Span> header = scope is null
            ? [new Span($"{threads}:", Tone.Strong)]
            :
            [
                new Span($"{threads} ", Tone.Strong),
                new Span("[stats]", Tone.Strong, $"!us -stats {group.Threads[0].Address.Value:x16} {scope}"),
                new Span(":", Tone.Strong),
            ];
        // Below the first address: an address at the frames' indent would be taken for a frame.
        int hanging = header.Sum(s => s.Text.Length) + 1;
        for (int i = 0; i < count && i < MostLinks; i++)
            header.AddRange([" ", Links.To(group.Threads[i].Address)]);
        if (count > MostLinks)
            header.Add(" ...");
        Document document = new();
        document.Add(new LineBlock(header, [], 0, hanging));
        StackDocument.AddFrames(document, system.GetStack(group.Threads[0]) with { EndNote = EndNote(group) }, 4);
        return document.Blank();
    }

    /// <summary>Why the stack ends early; where it does so for some of the threads only, for how many.</summary>
    private static string? EndNote(StackGroup group) => group.EndNote is null || group.CutThreads == group.Threads.Count
        ? group.EndNote
        : $"for {group.CutThreads:N0} of the threads: {group.EndNote}";
}
