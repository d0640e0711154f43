using System.Diagnostics;

namespace HangAnalysis.EngineBenchmarks;

/// <summary>How long something took, several times.</summary>
/// <param name="name">What was done.</param>
/// <param name="note">What else is to be known of it.</param>
internal sealed class Samples(string name, string note)
{
    private readonly List<double> _milliseconds = [];
    private TimeSpan? _processor;

    /// <summary>The first run.</summary>
    public double First => _milliseconds[0];

    /// <summary>The shortest run.</summary>
    public double Best => _milliseconds.Min();

    /// <summary>The longest run.</summary>
    public double Worst => _milliseconds.Max();

    /// <summary>The run in the middle.</summary>
    public double Median => _milliseconds.Order().ElementAt(_milliseconds.Count / 2);

    /// <summary>Runs and measures.</summary>
    public void Measure(Action action)
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        action();
        Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds, Environment.CpuUsage.TotalTime - processor);
    }

    /// <summary>Adds a run that was measured elsewhere.</summary>
    public void Add(double milliseconds, TimeSpan? processor)
    {
        _milliseconds.Add(milliseconds);
        if (processor is { } spent)
            _processor = (_processor ?? TimeSpan.Zero) + spent;
    }

    /// <summary>A line of the table. CPU time is a mean: the system counts it in ticks of 10 ms.</summary>
    public override string ToString()
    {
        string processor = _processor is { } spent ? $"{spent.TotalMilliseconds / _milliseconds.Count:f0}" : "-";
        return FormattableString.Invariant(
            $"{name,-34}{First,9:f1}{Best,9:f1}{Median,9:f1}{processor,7}{_milliseconds.Count,6}  {note}");
    }

    /// <summary>The line above the table.</summary>
    public static string Header => $"{"milliseconds",-34}{"first",9}{"best",9}{"median",9}{"CPU",7}{"runs",6}";
}
