using System.Text.RegularExpressions;
using NUnit.Framework;

namespace HangAnalysis.Tests;

/// <summary>The order of the house: which layer may know which, and no branches on build numbers.</summary>
public partial class HouseTests
{
    private static readonly string s_library = Path.Combine(SharedMaterial.RepositoryRoot, "src", "HangAnalysis");

    [TestCase("Model", new[] { "Targets", "Windows", "Linux", "Esxi", "Analysis", "Reports", "Commands" })]
    [TestCase("Reports", new[] { "Targets", "Windows", "Linux", "Esxi", "Analysis", "Model", "Commands" })]
    [TestCase("Analysis", new[] { "Targets", "Windows", "Linux", "Esxi", "Reports", "Commands" })]
    [TestCase("Windows", new[] { "Linux", "Esxi", "Analysis", "Reports", "Commands" })]
    [TestCase("Linux", new[] { "Windows", "Esxi", "Analysis", "Reports", "Commands" })]
    [TestCase("Esxi", new[] { "Windows", "Linux", "Analysis", "Reports", "Commands" })]
    [TestCase("Targets", new[] { "Model", "Windows", "Linux", "Esxi", "Analysis", "Reports", "Commands" })]
    public void A_layer_does_not_know_those_above_it(string layer, string[] forbidden)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(s_library, layer), "*.cs", SearchOption.AllDirectories))
        {
            string text = File.ReadAllText(file);
            foreach (string other in forbidden)
                Assert.That(text, Does.Not.Match($@"using HangAnalysis\.{other}\b").And.Not.Match($@"HangAnalysis\.{other}\."),
                    Path.GetRelativePath(SharedMaterial.RepositoryRoot, file));
        }
    }

    [Test]
    public void No_layout_is_chosen_by_a_build_number()
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(s_library, "Windows"), "*.cs"))
            Assert.That(File.ReadAllText(file), Does.Not.Match(@"(BuildNumber|MinorVersion|OperatingSystem)\b"), Path.GetFileName(file));
    }

    /// <summary>What a wait reason means is told by the model; only knowledge of the system has its names.</summary>
    [TestCase("src/HangAnalysis.Commands"), TestCase("src/HangAnalysis.Cli"), TestCase("src/HangAnalysis/Analysis"), TestCase("src/HangAnalysis/Reports")]
    public void No_wait_reason_is_named_outside_the_knowledge_of_the_system(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(SharedMaterial.RepositoryRoot, folder), "*.cs"))
            Assert.That(File.ReadAllText(file), Does.Not.Match("(is|is not|or|==|case) \\(?\"(Wr[A-Z]\\w+|Executive|UserRequest|Suspended)\""), file);
    }

    /// <summary>What belongs to one system is said by its knowledge; the model and the analysis serve all.</summary>
    [TestCase("Model"), TestCase("Analysis"), TestCase("Reports")]
    public void No_word_of_one_system_is_printed_outside_its_knowledge(string folder)
    {
        const string Words = "IRQL|DPCs?|IRPs?|ALPC|ERESOURCE|mutant|EPROCESS|ETHREAD|Windows|Linux|task_struct";
        foreach (string file in Directory.EnumerateFiles(Path.Combine(s_library, folder), "*.cs"))
            foreach (string line in File.ReadLines(file).Where(l => !l.TrimStart().StartsWith('/')))
                Assert.That(line, Does.Not.Match($"\"[^\"]*(nt!|\\b({Words})\\b|bug check)"), file);
    }

    /// <summary>
    /// The library goes into a debugger's process: of packages it has only Iced, which takes instructions apart, is managed code
    /// without further packages, and is linked into the one file.
    /// </summary>
    [Test]
    public void The_library_calls_no_native_code_and_has_one_package()
    {
        foreach (string file in Directory.EnumerateFiles(s_library, "*.cs", SearchOption.AllDirectories))
            Assert.That(File.ReadAllText(file), Does.Not.Contain("DllImport").And.Not.Contain("LibraryImport"), Path.GetFileName(file));
        string project = File.ReadAllText(Path.Combine(s_library, "HangAnalysis.csproj"));
        Assert.That(PackageReference().Matches(project).Select(m => m.Groups[1].Value), Is.EqualTo(["Iced"]));
    }

    [GeneratedRegex("PackageReference Include=\"([^\"]*)\"")]
    private static partial Regex PackageReference();
}
