using HangAnalysis.Commands;
using HangAnalysis.EngineTests;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// Over the library's own reader commands print the golden files, too. The tests inside the engine write these, and are
/// skipped where it cannot be had.
/// </summary>
public class GoldenTests
{
    private static IEnumerable<ForgedCase> Cases => ForgedCase.All;

    [TestCaseSource(nameof(Cases))]
    [Parallelizable(ParallelScope.All)]
    public void What_is_printed_is_the_golden_file(ForgedCase forged)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hangwhy-golden-");
        try
        {
            using CommandSession session = new(KernelDumpTarget.Open(forged.Write(folder.FullName)));
            foreach ((string file, string line) in GoldenFiles.Of(forged))
            {
                string printed = CommandArguments.Parse(line) is { WantsHelp: true } arguments
                    ? ForgedFolder.Print(HelpCommand.Describe(CommandTable.Require(arguments).Help))
                    : ForgedFolder.Run(session, line);
                Assert.That(InEngine(forged, session, printed),
                    Is.EqualTo(File.ReadAllText(Path.Combine(GoldenFiles.FolderOf(forged), $"{file}.txt"))), $"{forged.Name}/{file}");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>
    /// The files hold a placeholder for the dump's folder, and of a small dump, which lists the kernel by no name, the name that
    /// the engine knows.
    /// </summary>
    private static string InEngine(ForgedCase forged, CommandSession session, string text)
    {
        string folder = Path.GetDirectoryName(session.Description.Path)!;
        text = text.Replace(folder + "/", "{folder}", StringComparison.Ordinal);
        return session.Description.HoldsPages ? text : text.Replace("ntoskrnl.exe", GoldenFiles.LinkedName(forged), StringComparison.Ordinal);
    }
}
