using System.Xml.Linq;
using HangAnalysis.Commands;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Extension;

/// <summary>The README's picture, which was drawn from the debugger's output, shows what is printed today.</summary>
public class PictureTests
{
    [Test]
    public void The_picture_shows_the_verdict_on_the_sample()
    {
        string root = SharedMaterial.RepositoryRoot;
        using CommandSession session = new(KernelDumpTarget.Open(Path.Combine(root, "samples", "logoff-hang", "memory.dmp")));
        XDocument picture = XDocument.Load(Path.Combine(root, "docs", "hangwhy-windbg.svg"), LoadOptions.PreserveWhitespace);

        // Empty lines are gaps in the picture.
        string[] shown = [.. picture.Descendants(picture.Root!.Name.Namespace + "text").Select(t => t.Value.TrimEnd())];
        string[] printed = [.. ForgedFolder.Run(session, "!hangwhy").Split('\n').Select(l => l.TrimEnd()).Where(l => l.Length > 0)];

        Assert.That(shown, Is.EqualTo(printed.Prepend("kd> !hangwhy")), "draw it anew with build/wine/render.sh");
    }
}
