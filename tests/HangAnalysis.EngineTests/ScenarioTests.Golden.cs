using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>
/// Files that hold what was read and found good: a change of any character is a decision. HANGANALYSIS_UPDATE_GOLDEN=1 writes
/// them anew (docs/extension.md).
/// </summary>
public partial class ScenarioTests
{
    private static readonly string s_golden = Path.Combine(Engine.Root, "tests", "HangAnalysis.EngineTests", "Golden");

    /// <summary>File names and commands; of the dumps that are not the sample, only the first.</summary>
    private static readonly (string File, string Line)[] s_goldenLines =
    [
        ("hangwhy", "!hangwhy"), ("us-process", "!us -p ffffab06b8137800"), ("us-cpu", "!us -cpu"), ("lpcchain", "!lpcchain"),
        ("mods", "!mods"), ("mods-driver", "!mods TmXPFlt"), ("hahelp", "!hahelp"), ("us-help", "!us /?"),
    ];

    [Test]
    public void What_is_printed_is_the_golden_file()
    {
        foreach ((string file, string line) in forged.Name == ForgedCase.Sample ? s_goldenLines : s_goldenLines[..1])
        {
            CompareGolden($"{file}.txt", WithoutFolder(_answers[AsText + line]));
            CompareGolden($"{file}.dml", WithoutFolder(_answers[AsDml + line]));
        }
    }

    private void CompareGolden(string name, string text)
    {
        string path = Path.Combine(s_golden, forged.Name, name);
        if (Environment.GetEnvironmentVariable("HANGANALYSIS_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
            return;
        }
        Assert.That(path, Does.Exist, "run the test with HANGANALYSIS_UPDATE_GOLDEN=1, and read what it writes");
        Assert.That(text, Is.EqualTo(File.ReadAllText(path)), $"{forged.Name}/{name}");
    }
}
