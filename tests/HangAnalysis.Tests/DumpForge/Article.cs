using System.Globalization;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The published transcripts that the forge rebuilds, as lines of one command's output.</summary>
internal static class Article
{
    /// <summary>Lines between a command and the next one, without empty ones: its output, and what is said of it.</summary>
    public static List<string> Output(string command)
    {
        string path = SharedMaterial.Require("seeds/001_e1bc695d02428917.txt");
        List<string> lines = [];
        bool isInside = false;
        foreach (string line in File.ReadLines(path).Select(line => line.Replace('\u00a0', ' ').Trim()))
            if (!isInside)
                isInside = line.EndsWith("kd> " + command, StringComparison.Ordinal);
            else if (line.Contains("kd> ", StringComparison.Ordinal))
                break;
            else if (line.Length > 0)
                lines.Add(line);
        return lines.Count > 0 ? lines : throw new InvalidOperationException($"the article has no output of {command}");
    }

    public static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber);

    /// <summary>
    /// A time as the article prints it (765ms, 42s.937, 6m:30.718, 23h:56:06.250, 1d.00:48:53.796) in ticks of 15.625 ms.
    /// </summary>
    public static long Ticks(string time)
    {
        if (time.EndsWith("ms", StringComparison.Ordinal))
            return (long)Math.Round(int.Parse(time[..^2]) * 0.064);
        double seconds = 0;
        string plain = time.Replace("s.", ".", StringComparison.Ordinal).Replace("m:", ":", StringComparison.Ordinal)
            .Replace("h:", ":", StringComparison.Ordinal).Replace("d.", ":", StringComparison.Ordinal);
        double[] parts = [.. plain.Split(':').Select(part => double.Parse(part, CultureInfo.InvariantCulture))];
        for (int i = 0; i < parts.Length; i++)
            seconds = seconds * (i == 1 && parts.Length == 4 ? 24 : 60) + parts[i];
        return (long)Math.Round(seconds * 64);
    }
}
