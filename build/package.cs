#:property PublishAot=false
// package.cs ROOT: lays out what was published with its manifest, and zips it. Called by package.sh and package.cmd.
using System.IO.Compression;
using System.Xml.Linq;

string root = Path.GetFullPath(args[0]);
string artifacts = Path.Combine(root, "artifacts");
string source = Path.Combine(root, "extension-manifest");
string version = XDocument.Load(Path.Combine(root, "Directory.Build.props")).Descendants("Version").Single().Value;

string folder = Path.Combine(artifacts, "package", "HangAnalysis");
if (Directory.Exists(folder))
    Directory.Delete(folder, recursive: true);
Directory.CreateDirectory(folder);
foreach (string file in new[] { "config.xml", "ManifestVersion.txt", "install.cmd", "README.txt" })
    File.Copy(Path.Combine(source, file), Path.Combine(folder, file));
File.Copy(Path.Combine(root, "LICENSE"), Path.Combine(folder, "LICENSE"));

// The manifest names the architectures that there can be; the package only those that were published.
XDocument manifest = XDocument.Load(Path.Combine(source, "Manifest.1.xml"));
foreach (XElement file in manifest.Descendants("File").ToList())
{
    string module = file.Attribute("Module")!.Value.Replace('\\', Path.DirectorySeparatorChar);
    string published = Path.Combine(artifacts, "extension", module);
    if (File.Exists(published))
    {
        string target = Path.Combine(folder, module);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.Copy(published, target);
    }
    else
    {
        file.Remove();
    }
}
if (!manifest.Descendants("File").Any())
{
    Console.Error.WriteLine("Nothing was published: artifacts/extension holds no HangAnalysis.dll.");
    return 1;
}
manifest.Save(Path.Combine(folder, "Manifest.1.xml"));

string zip = Path.Combine(artifacts, $"HangAnalysis-{version}.zip");
File.Delete(zip);
ZipFile.CreateFromDirectory(folder, zip, CompressionLevel.SmallestSize, includeBaseDirectory: true);
Console.WriteLine(zip);
return 0;
