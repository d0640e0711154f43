using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Dumps;

/// <summary>Reads of a dump file give the file's bytes, whatever was read before.</summary>
public class DumpFileTests
{
    /// <summary>More than twice what is kept, and no whole number of blocks.</summary>
    private const int Length = 72 * 1024 * 1024 + 1234;

    private readonly TemporaryFolder _folder = new();

    [OneTimeTearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Every_read_gives_the_bytes_of_the_file()
    {
        byte[] content = new byte[Length];
        Random random = new(20260109);
        random.NextBytes(content);
        using DumpFile file = DumpFile.Open(_folder.Write("whole.dmp", content));
        Assert.That(file.Length, Is.EqualTo(Length));
        byte[] buffer = new byte[70_000];

        for (int i = 0; i < 20_000; i++)
        {
            // Half of the reads lie in two places that share their blocks' places in the cache.
            long offset = i % 2 == 0 ? random.Next(Length) : random.Next(40_000) + i % 4 / 2 * 2048L * 16 * 1024;
            int wanted = i % 100 == 0 ? random.Next(buffer.Length) : random.Next(64);
            int there = (int)Math.Min(wanted, Length - offset);

            Assert.That(file.Read(offset, buffer.AsSpan(0, wanted)), Is.EqualTo(there));
            Assert.That(buffer.AsSpan(0, there).SequenceEqual(content.AsSpan((int)offset, there)), $"{wanted} at {offset:x}");
        }
    }

    [TestCase(100, 50, 50)]
    [TestCase(90, 50, 10)]
    [TestCase(100, 0, 0)]
    [TestCase(100, -1, 0)]
    [TestCase(-1, 4, 0)]
    [TestCase(long.MinValue, 4, 0)]
    [TestCase(long.MaxValue, 4, 0)]
    [TestCase(0, int.MaxValue, 150)]
    public void Bytes_that_the_file_does_not_have_are_not_given(long offset, int length, int there)
    {
        int size = offset == 90 ? 100 : 150;
        using DumpFile file = DumpFile.Open(_folder.Write($"small-{size}.dmp", new byte[size]));

        Assert.That(file.ReadBytes(offset, length).Length, Is.EqualTo(there));
    }

    [Test]
    public void A_file_that_shrinks_while_it_is_open_ends_where_it_ends_now()
    {
        string path = _folder.Write("shrinks.dmp", new byte[200_000]);
        using DumpFile file = DumpFile.Open(path);
        using (FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            stream.SetLength(100_000);

        Assert.That(file.Read(99_990, new byte[20]), Is.EqualTo(10));
        Assert.That(file.Read(150_000, new byte[20]), Is.Zero);
    }

    [Test]
    public void What_cannot_be_opened_is_told_in_one_line()
    {
        Assert.That(() => DumpFile.Open(_folder.At("absent.dmp")),
            Throws.TypeOf<DumpFormatException>().With.Message.Contains("cannot be opened").And.Message.Not.Contains("\n"));
        Assert.That(() => DumpFile.Open(_folder.Path),
            Throws.TypeOf<DumpFormatException>().With.Message.Contains("cannot be opened").And.Message.Not.Contains("\n"));
        Assert.That(() => DumpFile.Open(_folder.Write("empty.dmp")),
            Throws.TypeOf<DumpFormatException>().With.Message.Contains("the file is empty"));
    }
}
