using System.Diagnostics;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>Runs commands inside Microsoft's debugger engine: under Wine, with the published extension beside it.</summary>
internal static class Engine
{
    private static readonly Lazy<string?> s_problem = new(Probe);
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(8);

    /// <summary>The folder that holds HangAnalysis.sln.</summary>
    public static string Root => Repository.Root;

    /// <summary>
    /// Skips the running test, with the reason, where the engine cannot be had. In continuous integration (CI is set) it has
    /// to be there: the test fails.
    /// </summary>
    public static void Require()
    {
        if (s_problem.Value is not { } problem)
            return;
        string message = $"the debugger engine cannot be had here: {problem}";
        if (Environment.GetEnvironmentVariable("CI") is "true" or "1")
            Assert.Fail(message);
        Assert.Ignore(message);
    }

    /// <summary>Opens a dump and runs commands; returns what was printed.</summary>
    public static string Run(string dump, IEnumerable<string> options, IEnumerable<string> commands)
    {
        Require();
        (int exitCode, string output, string error) = RunScript(dump, options, commands);
        // 0: all commands succeeded; 1: one did not, as it may be expected to.
        Assert.That(exitCode is 0 or 1 && output.Length > 0, $"hangdbg on {Path.GetFileName(dump)} ended with {exitCode}: {error}");
        return output.Replace("\r", "", StringComparison.Ordinal);
    }

    /// <summary>A path as programs under Wine have it: there the root of the file system is drive Z:.</summary>
    public static string WindowsPath(string path) => "Z:" + Path.GetFullPath(path).Replace('/', '\\');

    private static string? Probe()
    {
        if (!OperatingSystem.IsLinux())
            return "these tests start it under Wine";
        string sample = Path.Combine(Root, "samples", "logoff-hang", "memory.dmp");
        (int exitCode, string output, string error) = RunScript(sample, ["--prepare"], []);
        if (exitCode == 0)
            (exitCode, output, error) = RunScript(sample, ["--no-extension"], [".echo engine ready"]);
        return output.Contains("engine ready", StringComparison.Ordinal)
            ? null
            : $"build/wine/engine.sh ended with {exitCode}: {error.Trim().Split('\n')[^1]}";
    }

    /// <summary>
    /// The output goes through files: the Wine server that a first run leaves behind would keep a pipe open for minutes.
    /// </summary>
    private static (int ExitCode, string Output, string Error) RunScript(
        string dump, IEnumerable<string> options, IEnumerable<string> commands)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hangwhy-engine-");
        try
        {
            string script = Path.Combine(folder.FullName, "commands");
            string output = Path.Combine(folder.FullName, "output");
            string error = Path.Combine(folder.FullName, "error");
            File.WriteAllLines(script, commands);
            ProcessStartInfo start = new("bash")
            {
                ArgumentList =
                {
                    "-c", "exec \"$0\" \"${@:4}\" --commands \"$1\" \"$DUMP\" '.echo' >\"$2\" 2>\"$3\" </dev/null",
                    Path.Combine(Root, "build", "wine", "engine.sh"), script, output, error,
                },
                Environment = { ["DUMP"] = dump },
            };
            foreach (string option in options)
                start.ArgumentList.Add(option);
            using Process process = Process.Start(start)!;
            if (!process.WaitForExit(s_longest))
            {
                process.Kill(entireProcessTree: true);
                return (-1, File.ReadAllText(output), $"did not end within {s_longest.TotalMinutes} minutes");
            }
            return (process.ExitCode, File.ReadAllText(output), File.ReadAllText(error));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
