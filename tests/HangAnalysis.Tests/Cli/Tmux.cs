using System.Diagnostics;
using HangAnalysis.Tests.DumpForge;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>A terminal of tmux, with a program in it; the terminal stays when the program has ended.</summary>
internal sealed class Tmux : IDisposable
{
    /// <summary>How long a busy machine may take for what takes a moment.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly string _socket = $"hangwhy-{Environment.ProcessId}-{Guid.NewGuid():N}";

    /// <summary>Starts a program; the test is skipped where tmux is not installed.</summary>
    public Tmux(int width, int height, string command)
    {
        Run("-f", "/dev/null", "new-session", "-d", "-x", $"{width}", "-y", $"{height}",
            $"{command}; echo ended $?; exec sleep 600");
    }

    /// <summary>Presses keys, by tmux's names: <c>Enter</c>, <c>Tab</c>, <c>C-c</c>.</summary>
    public void Press(params string[] keys) => Run(["send-keys", .. keys]);

    /// <summary>Types a text.</summary>
    public void Type(string text) => Run("send-keys", "-l", text);

    /// <summary>Waits until the lowest row that is not empty is as wanted.</summary>
    public string[] WaitForLastRow(string wanted) => WaitFor(rows => rows[^1] == wanted, $"'{wanted}' as the last row");

    /// <summary>Waits until the screen is as wanted; returns its rows, with those that have scrolled away.</summary>
    public string[] WaitFor(Predicate<string[]> isAsWanted, string what)
    {
        long start = Stopwatch.GetTimestamp();
        string[] rows = Rows();
        while (!isAsWanted(rows))
        {
            if (Stopwatch.GetElapsedTime(start) > s_patience)
                Assert.Fail($"waited for {what}; the screen is\n{string.Join('\n', rows)}");
            Thread.Sleep(s_interval);
            rows = Rows();
        }
        return rows;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        using Process process = Process.Start("/usr/bin/tmux", ["-L", _socket, "kill-server"]);
        process.WaitForExit();
    }

    private string[] Rows() =>
        [.. Run("capture-pane", "-p", "-S", "-1000").TrimEnd('\n', ' ').Split('\n').Select(r => r.TrimEnd())];

    private string Run(params string[] arguments) => DebianTool.Run("tmux", ["-L", _socket, .. arguments]);
}
