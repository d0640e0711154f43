using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>Output that was read and found good.</summary>
public partial class ScenarioTests
{
    [Test]
    public void What_is_printed_is_the_golden_file()
    {
        foreach ((string file, string line) in GoldenFiles.Of(forged))
        {
            CompareGolden($"{file}.txt", WithoutFolder(_answers[AsText + line]));
            CompareGolden($"{file}.dml", WithoutFolder(_answers[AsDml + line]));
        }
    }

    private void CompareGolden(string name, string text)
    {
        string path = Path.Combine(GoldenFiles.FolderOf(forged), name);
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
