using System.Diagnostics;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>After install.cmd the engine knows the commands from the manifest, and loads the extension for the first one.</summary>
public class InstallationTests
{
    private const string Repository =
        "Debugger.State.ExtensionGallery.ExtensionRepositories.Where(r => r.Name == \"UserExtensions\").First()";

    private static readonly string s_sample = Path.Combine(Engine.Root, "samples", "logoff-hang", "memory.dmp");

    [Test]
    public void A_command_of_the_manifest_loads_the_extension_by_itself()
    {
        Engine.Require();
        DirectoryInfo package = Directory.CreateTempSubdirectory("hangwhy package ");
        try
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(Engine.Root, "extension-manifest")))
                File.Copy(file, Path.Combine(package.FullName, Path.GetFileName(file)));
            File.Copy(Path.Combine(Engine.Root, "LICENSE"), Path.Combine(package.FullName, "LICENSE"));
            package.CreateSubdirectory("amd64");
            File.Copy(Path.Combine(Engine.Root, "artifacts", "engine", "HangAnalysis.dll"),
                Path.Combine(package.FullName, "amd64", "HangAnalysis.dll"));

            Assert.That(RunWindowsCommand($@"Z:{package.FullName.Replace('/', '\\')}\install.cmd"), Is.Zero);
            string output = Engine.Run(s_sample, ["--no-extension"],
                [$"dx -r1 {Repository}.Packages[0].Components[0].EngineCommands", "!lpcchain /q", ".chain"]);

            Assert.Multiple(() =>
            {
                for (int i = 0; i < CommandTable.All.Count; i++)
                    Assert.That(output, Does.Match($@"\[0x{i:x}\] +: {CommandTable.All[i].Help.Name}\s"));
                Assert.That(output, Does.Contain("ffffab06b1b28800\nffffab06b8121080\n"));
                Assert.That(output, Does.Contain(@"UserExtensions\HangAnalysis\amd64\HangAnalysis.dll"));
            });
        }
        finally
        {
            RunWindowsCommand(@"rmdir /s /q %LOCALAPPDATA%\Dbg\UserExtensions\HangAnalysis");
            package.Delete(recursive: true);
        }
    }

    // A pipe would be kept open by what Wine leaves running in the background.
    private static int RunWindowsCommand(string command)
    {
        ProcessStartInfo start = new("bash")
        {
            ArgumentList = { "-c", "exec wine cmd /c \"$0\" </dev/null >/dev/null 2>&1", command },
            Environment = { ["WINEPREFIX"] = Path.Combine(Engine.Root, "artifacts", "wine"), ["WINEDEBUG"] = "-all" },
        };
        using Process process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
