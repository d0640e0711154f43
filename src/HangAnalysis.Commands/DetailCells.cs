using System.Numerics;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Cells of what is known of a thread beyond its facts, and of processors.</summary>
internal static class DetailCells
{
    /// <summary>A number that may not be recorded.</summary>
    public static Span Number<T>(T? number) where T : struct, INumber<T> => number?.ToString() ?? ThreadCells.NotRecorded;

    /// <summary>Time on processors as JSON has it.</summary>
    public static string? RunText(TimeSpan? time) => time is null ? null : AgeText.FormatRun(time);

    /// <summary>The processors on which a thread may run: <c>all</c>, or their bits in hexadecimal.</summary>
    public static string Affinity(ThreadDetails details, int processors)
    {
        const int ProcessorsInGroup = 64;
        if (details.Affinity is not { } mask)
            return ThreadCells.NotRecorded;
        ulong all = processors >= ProcessorsInGroup ? ulong.MaxValue : (1ul << processors) - 1;
        if (processors is > 0 and <= ProcessorsInGroup && (mask & all) == all)
            return "all";
        return details.ProcessorGroup is > 0 ? $"{details.ProcessorGroup}:{mask:x}" : $"{mask:x}";
    }

    /// <summary>Numbers of processors as ranges: <c>0-3,6</c>.</summary>
    public static string Ranges(IReadOnlyList<ProcessorFacts> processors)
    {
        List<string> ranges = [];
        for (int i = 0; i < processors.Count;)
        {
            int end = i;
            while (end + 1 < processors.Count && processors[end + 1].Number == processors[end].Number + 1)
                end++;
            ranges.Add(end == i ? $"{processors[i].Number}" : $"{processors[i].Number}-{processors[end].Number}");
            i = end + 1;
        }
        return string.Join(',', ranges);
    }
}
