using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>Stacks whose images, pages or unwind data are missing: what is shown, and what is said about it.</summary>
public class StackTests
{
    private const ulong Explorer = 0xffffab06b8121080;

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("hangwhy-stacks-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void An_image_whose_pages_are_absent_is_taken_from_the_symbol_path()
    {
        SystemBuilder system = Forge();
        ForgedModule filter = system.Modules.ByName("TmXPFlt");
        List<string> whole = Frames(system);
        RemoveImage(system, filter);
        File.WriteAllBytes(Path.Combine(_folder, filter.FileName), filter.Image!.ToFile());

        Assert.That(Frames(system), Is.EqualTo(whole));
        Assert.That(whole, Has.Count.EqualTo(29));
    }

    [Test]
    public void Without_unwind_data_the_stack_is_scanned_and_what_is_found_is_only_a_candidate()
    {
        SystemBuilder system = Forge();
        RemoveImage(system, system.Modules.ByName("TmXPFlt"));
        Write(system);
        using CommandSession session = Open();

        StackFacts stack = session.System.GetStack(session.System.FindThread(Explorer)!);

        Assert.Multiple(() =>
        {
            // The kernel's own frames up to the module, and the module's innermost one, come by unwinding.
            Assert.That(stack.Frames.Take(5).Select(f => f.Certainty), Has.All.EqualTo(Certainty.Proven));
            Assert.That(stack.Frames[4].Text, Is.EqualTo("TmXPFlt+0x1bce3"));
            Assert.That(stack.Frames[5].Certainty, Is.EqualTo(Certainty.Candidate));
            Assert.That(stack.Frames.Select(f => f.Text), Does.Contain("FLTMGR!FltpDispatch+0xb6"));
        });
    }

    [Test]
    public void A_stack_that_is_paged_out_is_counted_with_its_reason()
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn("10.0.19041"));
        ProcessBuilder process = system.AddProcess("pagedout.exe", 0x7770);
        process.AddThread(0x7774).Stack("nt!KiSwapContext+0x76\nnt!KiSwapThread+0x17d").Waiting(
            "UserRequest", true, TimeSpan.FromSeconds(9)).PagedOut();
        Write(system);
        using CommandSession session = Open();

        string text = ForgedFolder.Run(session, "!us -p 7770");

        Assert.That(text, Does.Contain("0 stack(s) with 0 threads displayed (1 Total threads)"));
        Assert.That(text, Does.Contain("1 stack(s) were not displayed because the kernel stack is paged out"));
    }

    private static SystemBuilder Forge()
    {
        SystemBuilder system = ScenarioSet.Build("logoff-hang", KernelLayout.BuiltIn("10.0.14393"));
        system.Finish();
        return system;
    }

    private static void RemoveImage(SystemBuilder system, ForgedModule module)
    {
        foreach ((uint rva, _) in module.Image!.NonEmptyPages)
            system.Kernel.Unmap(module.Base + rva);
    }

    private List<string> Frames(SystemBuilder system)
    {
        Write(system);
        using CommandSession session = Open();
        return [.. session.System.GetStack(session.System.FindThread(Explorer)!).Frames.Select(f => $"{f.Certainty} {f.Text}")];
    }

    private void Write(SystemBuilder system) => ForgedDump.Write(system, _folder);

    private CommandSession Open() => new(KernelDumpTarget.Open(Path.Combine(_folder, "memory.dmp")));
}
