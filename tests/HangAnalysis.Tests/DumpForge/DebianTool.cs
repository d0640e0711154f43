using System.Diagnostics;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>Runs a Debian tool that judges what the forge wrote.</summary>
internal static class DebianTool
{
    /// <summary>
    /// What the tool prints; the test is skipped where it is not installed and fails where it returns an error.
    /// </summary>
    public static string Run(string tool, params string[] arguments)
    {
        string path = Path.Combine("/usr/bin", tool);
        if (!File.Exists(path))
            Assert.Ignore($"needs {tool}, which is not installed");
        ProcessStartInfo start = new(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That((process.ExitCode, error.Result), Is.EqualTo((0, "")), $"{tool} {string.Join(' ', arguments)}");
        return output;
    }

    /// <summary>A path in the folder of temporary files for this test run.</summary>
    public static string TemporaryFile(string name)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "forged");
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, name);
    }
}
