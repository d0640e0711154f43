using System.Xml.Linq;
using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Extension;

/// <summary>What the debugger is told of the extension before it is loaded is what the extension is.</summary>
public class ManifestTests
{
    private static readonly string s_folder = Path.Combine(SharedMaterial.RepositoryRoot, "extension-manifest");
    private static readonly XDocument s_manifest = XDocument.Load(Path.Combine(s_folder, "Manifest.1.xml"));

    [Test]
    public void The_manifest_lists_the_commands_of_the_table()
    {
        XElement expected = new("EngineCommands", CommandTable.All.Select(c => new XElement("EngineCommand",
            new XAttribute("Name", c.Help.Name),
            new XElement("EngineCommandItem",
                new XElement("Syntax", c.Help.Usage), new XElement("Description", c.Help.Summary)))));

        Assert.That(s_manifest.Descendants("EngineCommands").Single().ToString(), Is.EqualTo(expected.ToString()),
            $"extension-manifest/Manifest.1.xml has to hold this:\n{expected}\n");
    }

    [Test]
    public void The_manifest_has_the_version_of_the_product()
    {
        string version = XDocument.Load(Path.Combine(SharedMaterial.RepositoryRoot, "Directory.Build.props"))
            .Descendants("Version").Single().Value;

        Assert.That(s_manifest.Descendants("ExtensionPackage").Single().Element("Version")!.Value, Is.EqualTo(version),
            "extension-manifest/Manifest.1.xml: write the version of Directory.Build.props into ExtensionPackage/Version");
    }

    /// <summary>The engine finds Manifest.N.xml by the number N in the first line of ManifestVersion.txt.</summary>
    [Test]
    public void The_version_file_names_the_manifest()
    {
        string number = File.ReadLines(Path.Combine(s_folder, "ManifestVersion.txt")).First();

        Assert.That(Path.Combine(s_folder, $"Manifest.{number}.xml"), Does.Exist);
    }

    /// <summary>Otherwise what .settings registers would be another folder than the one that is installed.</summary>
    [Test]
    public void Config_names_the_folder_that_install_fills()
    {
        string registered = XDocument.Load(Path.Combine(s_folder, "config.xml")).Descendants("Setting")
            .Single(s => s.Attribute("Name")!.Value == "LocalCacheRootFolder").Attribute("Value")!.Value;
        string installed = File.ReadLines(Path.Combine(s_folder, "install.cmd"))
            .Single(l => l.StartsWith("set TARGET=", StringComparison.Ordinal))["set TARGET=".Length..];

        Assert.That(registered, Is.EqualTo(installed));
    }
}
