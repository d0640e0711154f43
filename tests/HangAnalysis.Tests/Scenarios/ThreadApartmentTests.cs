using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Tests.Matrix;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>COM apartments: told where COM's own data tell them, and not guessed where they do not.</summary>
public class ThreadApartmentTests
{
    private const uint Tid = 0x2100;

    [TestCase("6.1.7601")]
    [TestCase("6.3.9600")]
    [TestCase("10.0.14393")]
    [TestCase("10.0.19041")]
    [TestCase("10.0.22000")]
    public void The_flags_of_the_thread_tell_and_without_symbols_of_com_that_is_inferred(string layout)
    {
        (ApartmentKind Kind, Certainty Certainty) Of(uint flags)
        {
            using ForgedFolder forged = new(With(layout, flags));
            using CommandSession session = forged.Open();
            ApartmentFacts told = Examine(session);
            return (told.Kind, told.Certainty);
        }
        Assert.That(Of(0x80), Is.EqualTo((ApartmentKind.SingleThreaded, Certainty.Inferred)));
        Assert.That(Of(0x100), Is.EqualTo((ApartmentKind.MultiThreaded, Certainty.Inferred)));
        // Marked as both, or as neither: no apartment of Windows.
        Assert.That(Of(0x180).Kind, Is.EqualTo(ApartmentKind.Unknown));
        Assert.That(Of(0x2).Kind, Is.EqualTo(ApartmentKind.Unknown));
    }

    [Test]
    public void A_thread_that_never_used_com_has_none_and_one_of_the_system_has_no_answer()
    {
        SystemBuilder system = With("10.0.14393", 0);
        ThreadBuilder builder = system.Threads.Single(t => t.Tid == Tid);
        builder.GivenTeb = 0x7ff66a12e000;
        // Both pages of the environment block are in the dump, with a zero where COM's data would be.
        builder.Process.Space.Write(builder.GivenTeb, new byte[0x2000]);
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        ApartmentFacts told = Examine(session);
        ThreadFacts worker = session.System.Threads.First(t => t.IsSystemThread && !t.HasExited);

        Assert.That((told.Kind, told.Certainty), Is.EqualTo((ApartmentKind.None, Certainty.Proven)));
        Assert.That(session.Windows.Examine(worker).Apartment.Kind, Is.EqualTo(ApartmentKind.Unknown));
    }

    [Test]
    public void Without_the_page_of_the_environment_block_nothing_is_told()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!t -i -v ffffab06b8121080");

        Assert.That(text, Does.Contain("COM: its environment block (TEB) is not in the dump"));
        Assert.That(text, Does.Not.Contain("STA").And.Not.Contain("MTA"));
    }

    [Test]
    public void A_32_bit_program_keeps_its_data_elsewhere()
    {
        SystemBuilder system = With("10.0.14393", 0x80);
        ProcessBuilder process = system.Threads.Single(t => t.Tid == Tid).Process;
        process.Struct.Set("WoW64Process", system.Pool.Take(0x40));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        Assert.That(Examine(session).Why, Does.Contain("32-bit"));
    }

    /// <summary>Symbols that have the structure are believed, also where they say another place than the usual one.</summary>
    [TestCase("SOleTlsData", 0x14, ApartmentKind.SingleThreaded)]
    // The apartment's number, which is the thread's: 2100 has bit 8 and not bit 7.
    [TestCase("tagSOleTlsData", 0x10, ApartmentKind.MultiThreaded)]
    // Neither mark: that thread uses COM without an apartment of its own.
    [TestCase("SOleTlsData", 0x8, ApartmentKind.None)]
    public void Symbols_of_com_say_where_the_flags_lie(string type, int offset, ApartmentKind expected)
    {
        SystemBuilder system = With("10.0.14393", 0x80);
        system.Threads.Single(t => t.Tid == Tid).Process.Use(system.Modules.ByName("combase"));
        using ForgedFolder forged = new(system);
        using CommandSession whole = forged.Open();
        OverlaidTarget target = new(whole.Windows.Target) { Symbols = { ["combase"] = new ComSymbols(type, offset) } };
        using CommandSession session = new(target);

        ApartmentFacts told = Examine(session);

        Assert.That((told.Kind, told.Certainty), Is.EqualTo((expected, Certainty.Proven)));
    }

    private static SystemBuilder With(string layout, uint flags)
    {
        SystemBuilder system = ScenarioSet.Build("wait-objects", KernelLayout.BuiltIn(layout));
        system.Threads.Single(t => t.Tid == Tid).ApartmentFlags = flags;
        return system;
    }

    private static ApartmentFacts Examine(CommandSession session) =>
        session.Windows.Examine(session.System.Threads.Single(t => t.Id == Tid)).Apartment;

    /// <summary>Symbols that have nothing but COM's data of a thread.</summary>
    private sealed class ComSymbols(string type, int flags) : ISymbolFile
    {
        public string Path => "combase.pdb";

        public PdbIdentity? Identity => null;

        public TypeLayout? FindType(string name) => name != type ? null
            : new TypeLayout(name, 0x100,
                [new FieldLayout("dwFlags", flags, new TypeReference(TypeKind.Base, "unsigned long", 4))]);

        public EnumLayout? FindEnum(string name) => null;

        public bool TryFindSymbol(string name, out uint rva)
        {
            rva = 0;
            return false;
        }

        public bool TryFindNearest(uint rva, out NearestSymbol symbol)
        {
            symbol = default;
            return false;
        }

        public void Dispose() { }
    }
}
